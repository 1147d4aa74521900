"""Mamba: every head, other sizes of the kernel, the inner states and the step, no biases. With `use_bias`, padding changes what
the reference gives; see `tests/models/mamba`."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="MambaConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "state_size": 8,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "MambaForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MambaModel": Head(tokens),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "kernel": {"conv_kernel": 3, "hidden_act": "gelu"},
        "bare": {"use_conv_bias": False, "residual_in_fp32": False, "time_step_rank": 5, "expand": 3},
    },
)

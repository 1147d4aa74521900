"""Falcon Mamba: every head, an epsilon that counts, untied, other sizes."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="FalconMambaConfig",
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
        "FalconMambaForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "FalconMambaModel": Head(tokens),
    },
    variants={
        "untied": {"tie_word_embeddings": False, "mixer_rms_eps": 0.01},
        "bare": {"use_conv_bias": False, "residual_in_fp32": False, "time_step_rank": 5, "conv_kernel": 3},
    },
)

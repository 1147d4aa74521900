"""Mamba 2: every head, chunks shorter than the text, groups, tied, other sizes, no biases."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Mamba2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "state_size": 8,
        "num_heads": 8,
        "head_dim": 8,
        "n_groups": 2,
        "chunk_size": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "Mamba2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Mamba2Model": Head(tokens),
    },
    variants={
        "tied": {"tie_word_embeddings": True, "n_groups": 1, "chunk_size": 256},
        "kernel": {"conv_kernel": 3, "hidden_act": "gelu", "expand": 3, "num_heads": 12, "n_groups": 4},
        "bare": {"use_conv_bias": False, "residual_in_fp32": False, "rescale_prenorm_residual": True},
    },
)

"""Bamba: layers of both kinds, either first, groups, biases, tied."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="BambaConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "attn_layer_indices": [1],
        "mamba_n_heads": 8,
        "mamba_n_groups": 2,
        "mamba_d_state": 8,
        "mamba_chunk_size": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "BambaForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "BambaModel": Head(tokens),
    },
    variants={
        "biases": {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
        "attention first": {"attn_layer_indices": [0], "mamba_n_groups": 1, "mamba_d_conv": 3, "mamba_conv_bias": False},
    },
)

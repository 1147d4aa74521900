"""Falcon-H1: groups, factors on everything, the norm before and behind the gate, biases, tied, widths of their own."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="FalconH1Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "mamba_d_ssm": 48,
        "mamba_n_heads": 8,
        "mamba_n_groups": 2,
        "mamba_d_state": 8,
        "mamba_chunk_size": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "FalconH1ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "FalconH1Model": Head(tokens),
    },
    variants={
        "factors": {
            "embedding_multiplier": 3.0,
            "lm_head_multiplier": 0.5,
            "mlp_multipliers": [0.7, 1.4],
            "ssm_multipliers": [0.5, 0.6, 1.7, 0.8, 0.9],
            "ssm_in_multiplier": 1.3,
            "ssm_out_multiplier": 0.4,
            "key_multiplier": 0.3,
            "attention_in_multiplier": 1.2,
            "attention_out_multiplier": 0.8,
        },
        "norm": {"mamba_rms_norm": True, "mamba_d_ssm": None, "tie_word_embeddings": True},
        "norm_behind_gate": {"mamba_rms_norm": True, "mamba_norm_before_gate": False, "mamba_n_groups": 1},
        "biases": {"attention_bias": True, "mlp_bias": True, "projectors_bias": True},
        "wide_heads": {"head_dim": 16, "mamba_conv_bias": False, "mamba_d_conv": 3},
    },
)

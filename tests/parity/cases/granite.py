"""Granite: every factor, biases, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="GraniteConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "embedding_multiplier": 3.0,
        "attention_multiplier": 0.2,
        "residual_multiplier": 0.5,
        "logits_scaling": 4.0,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GraniteForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GraniteModel": Head(tokens),
    },
    variants={
        "no_factors": {
            "embedding_multiplier": 1.0,
            "attention_multiplier": 1.0,
            "residual_multiplier": 1.0,
            "logits_scaling": 1.0,
        },
        "biases": {"attention_bias": True, "mlp_bias": True},
        "tied": {"tie_word_embeddings": True},
    },
)

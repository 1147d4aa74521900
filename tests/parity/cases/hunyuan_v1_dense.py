"""Hunyuan: every head, a rotary base that alpha stretches, biases, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="HunYuanDenseV1Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 12,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "HunYuanDenseV1ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "HunYuanDenseV1Model": Head(tokens),
        "HunYuanDenseV1ForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "biases": {"attention_bias": True},
        "alpha": {
            "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 1.0, "alpha": 1000.0},
        },
    },
)

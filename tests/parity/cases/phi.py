"""Phi: every head, normed queries and keys, scaled rotary positions, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="PhiConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "PhiForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "PhiModel": Head(tokens),
        "PhiForSequenceClassification": Head(tokens, class_labels(3)),
        "PhiForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "normed": {"qk_layernorm": True},
        "linear": {
            "rope_parameters": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0, "partial_rotary_factor": 0.5}
        },
        "tied": {"tie_word_embeddings": True},
    },
)

"""Phi-3: every head, LongRoPE within and beyond the first length, a window, heads that turn in part, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Phi3Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 3,
    },
    heads={
        "Phi3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Phi3Model": Head(tokens),
        "Phi3ForSequenceClassification": Head(tokens, class_labels(3)),
        "Phi3ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "window": {"sliding_window": 5},
        "partial": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.75}},
        "longrope_short": {
            "original_max_position_embeddings": 16,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [2.0, 2.5, 3.0, 3.5],
                "original_max_position_embeddings": 16,
            },
        },
        "longrope_long": {
            "original_max_position_embeddings": 4,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [2.0, 2.5, 3.0, 3.5],
                "original_max_position_embeddings": 4,
            },
        },
    },
)

"""OLMo 3: both heads, a window in one layer, scaled positions in the other, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Olmo3Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention"],
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Olmo3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Olmo3Model": Head(tokens),
        "Olmo3ForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "yarn": {
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {
                    "rope_type": "yarn",
                    "rope_theta": 10000.0,
                    "factor": 4.0,
                    "original_max_position_embeddings": 16,
                },
            }
        },
        "tied": {"tie_word_embeddings": True},
    },
)

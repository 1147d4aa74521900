"""EXAONE 4: every head, a window in one layer of two, in none, llama3's rotary scaling, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="Exaone4Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "sliding_window": 5,
        "sliding_window_pattern": 2,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 3,
    },
    heads={
        "Exaone4ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Exaone4Model": Head(tokens),
        "Exaone4ForSequenceClassification": Head(tokens, class_labels(3)),
        "Exaone4ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "Exaone4ForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "no_window": {"sliding_window": None, "layer_types": ["full_attention"] * 2},
        "llama3": {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 1000000.0,
                "factor": 16.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        },
    },
)

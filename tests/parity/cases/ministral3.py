"""Ministral 3: every head, YaRN with queries that grow three times within the text, a window, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="Ministral3Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 1000000.0,
            "factor": 16.0,
            "original_max_position_embeddings": 3,
            "max_position_embeddings": 64,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "mscale_all_dim": 1.0,
            "mscale": 1.0,
            "llama_4_scaling_beta": 0.5,
        },
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Ministral3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Ministral3Model": Head(tokens),
        "Ministral3ForSequenceClassification": Head(tokens, class_labels(3)),
        "Ministral3ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "Ministral3ForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "window": {"sliding_window": 5},
        "tied": {"tie_word_embeddings": True},
    },
)

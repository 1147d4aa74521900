"""LLaMA: every head, every rotary scaling, grouped queries, biases, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

LEFT = {"side": "left"}
THETA = {"rope_theta": 10000.0}

CASE = Case(
    config_class="LlamaConfig",
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
        "LlamaForCausalLM": Head(lambda: tokens(**LEFT), token_labels, generates=True),
        "LlamaModel": Head(tokens),
        "LlamaForSequenceClassification": Head(tokens, class_labels(3)),
        "LlamaForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "LlamaForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "biases": {"attention_bias": True, "mlp_bias": True},
        "head_dim": {"head_dim": 12},
        "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, **THETA}},
        "dynamic": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, **THETA}, "max_position_embeddings": 6},
        "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, **THETA}},
        "longrope_short": {
            "rope_parameters": {
                "rope_type": "longrope",
                "factor": 4.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [2.0, 2.5, 3.0, 3.5],
                "original_max_position_embeddings": 16,
                **THETA,
            },
        },
        "longrope_long": {
            "rope_parameters": {
                "rope_type": "longrope",
                "factor": 16.0,
                "short_factor": [1.0, 1.1, 1.2, 1.3],
                "long_factor": [2.0, 2.5, 3.0, 3.5],
                "original_max_position_embeddings": 4,
                **THETA,
            },
        },
        "proportional": {"rope_parameters": {"rope_type": "proportional", "partial_rotary_factor": 0.5, **THETA}},
        "llama3": {
            "rope_parameters": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
                **THETA,
            },
        },
    },
)

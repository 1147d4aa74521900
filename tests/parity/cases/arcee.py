"""AFM: every head, biases, tied embeddings, heads wider than their share, YaRN."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="ArceeConfig",
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
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "ArceeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "ArceeModel": Head(tokens),
        "ArceeForSequenceClassification": Head(tokens, class_labels(3)),
        "ArceeForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "ArceeForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "biases": {"attention_bias": True, "mlp_bias": True},
        "tied": {"tie_word_embeddings": True},
        "wide": {"head_dim": 12},
        "yarn": {"rope_parameters": {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0}, "max_position_embeddings": 16},
    },
)

"""Ministral: every head, windows in all layers, in one, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="MinistralConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "sliding_window": 5,
        "head_dim": 12,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "MinistralForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MinistralModel": Head(tokens),
        "MinistralForSequenceClassification": Head(tokens, class_labels(3)),
        "MinistralForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "MinistralForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "one_window": {"layer_types": ["full_attention", "sliding_attention"]},
    },
)

"""Gemma: every head, biases, embeddings not tied, the name of the activation in the first files."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="GemmaConfig",
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
        "GemmaForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GemmaModel": Head(tokens),
        "GemmaForSequenceClassification": Head(tokens, class_labels(3)),
        "GemmaForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "biases": {"attention_bias": True},
        "first_files": {"hidden_act": "gelu"},
    },
)

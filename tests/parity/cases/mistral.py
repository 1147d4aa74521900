"""Mistral: every head, a window shorter than the text, none, grouped queries, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="MistralConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "sliding_window": 5,  # longer than the padding: of a window without a real token the libraries make different things
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "MistralForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MistralModel": Head(tokens),
        "MistralForSequenceClassification": Head(tokens, class_labels(3)),
        "MistralForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "MistralForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "no_window": {"sliding_window": None},
        "head_dim": {"head_dim": 12},
    },
)

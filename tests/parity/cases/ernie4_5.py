"""ERNIE 4.5: both heads, biases everywhere, embeddings not tied."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Ernie4_5Config",
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
        "Ernie4_5ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Ernie4_5Model": Head(tokens),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "biases": {"use_bias": True},
    },
)

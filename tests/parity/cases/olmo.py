"""OLMo: both heads, bounded queries, keys and values, biases, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="OlmoConfig",
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
        "OlmoForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "OlmoModel": Head(tokens),
        "OlmoForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "bounded": {"clip_qkv": 0.5},
        "biases": {"attention_bias": True},
        "tied": {"tie_word_embeddings": True},
    },
)

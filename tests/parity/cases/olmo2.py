"""OLMo 2: both heads, biases, tied embeddings, as many keys as queries."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Olmo2Config",
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
        "Olmo2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Olmo2Model": Head(tokens),
        "Olmo2ForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "biases": {"attention_bias": True},
        "tied": {"tie_word_embeddings": True},
        "not_grouped": {"num_key_value_heads": 4},
    },
)

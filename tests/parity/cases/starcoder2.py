"""StarCoder 2: every head, a window shorter than the text, no biases, untied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Starcoder2Config",
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
        "Starcoder2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Starcoder2Model": Head(tokens),
        "Starcoder2ForSequenceClassification": Head(tokens, class_labels(3)),
        "Starcoder2ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "window": {"sliding_window": 5},
        "no_biases": {"use_bias": False},
        "untied": {"tie_word_embeddings": False},
    },
)

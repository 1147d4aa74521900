"""BioGPT: every head, embeddings as they are, another activation, untied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="BioGptConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "BioGptForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "BioGptModel": Head(tokens),
        "BioGptForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "BioGptForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "unscaled": {"scale_embedding": False},
        "activation": {"hidden_act": "relu"},
        "untied": {"tie_word_embeddings": False},
    },
)

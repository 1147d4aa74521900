"""Helium: every head, biases, tied embeddings, an epsilon that matters."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="HeliumConfig",
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
        "head_dim": 8,
        "num_labels": 3,
    },
    heads={
        "HeliumForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "HeliumModel": Head(tokens),
        "HeliumForSequenceClassification": Head(tokens, class_labels(3)),
        "HeliumForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "biases": {"attention_bias": True, "mlp_bias": True},
        "tied": {"tie_word_embeddings": True},
        "epsilon": {"rms_norm_eps": 0.1},
    },
)

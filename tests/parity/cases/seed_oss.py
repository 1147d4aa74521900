"""Seed-OSS: every head, a bias behind attention too, biases in the MLP, tied embeddings."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="SeedOssConfig",
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
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 3,
    },
    heads={
        "SeedOssForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "SeedOssModel": Head(tokens),
        "SeedOssForSequenceClassification": Head(tokens, class_labels(3)),
        "SeedOssForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "SeedOssForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "output_bias": {"attention_out_bias": True, "mlp_bias": True},
        "no_bias": {"attention_bias": False},
    },
)

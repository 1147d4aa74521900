"""Command R: normed queries and keys, biases, a larger scale, untied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="CohereConfig",
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
        "CohereForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "CohereModel": Head(tokens),
    },
    variants={
        "normed": {"use_qk_norm": True},
        "biases": {"attention_bias": True},
        "scaled": {"logit_scale": 2.0},
        "untied": {"tie_word_embeddings": False},
    },
)

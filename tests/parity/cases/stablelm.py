"""StableLM: every head, parallel blocks, biases, normed queries and keys, rotary positions of the whole head."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="StableLmConfig",
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
        "StableLmForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "StableLmModel": Head(tokens),
        "StableLmForSequenceClassification": Head(tokens, class_labels(3)),
        "StableLmForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "parallel": {"use_parallel_residual": True},
        "biases": {"use_qkv_bias": True},
        "normed": {"qk_layernorm": True},
        "whole": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}},
        "tied": {"tie_word_embeddings": True},
    },
)

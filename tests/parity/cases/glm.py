"""GLM-4: every head, no biases, tied embeddings, rotary positions of the whole head."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="GlmConfig",
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
        "head_dim": 8,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GlmForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GlmModel": Head(tokens),
        "GlmForSequenceClassification": Head(tokens, class_labels(3)),
        "GlmForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "no_biases": {"attention_bias": False},
        "tied": {"tie_word_embeddings": True},
        "whole": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}},
    },
)

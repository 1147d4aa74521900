"""Nemotron: every head, biases, tied embeddings, wide heads, rotary positions of the whole head."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="NemotronConfig",
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
        "NemotronForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "NemotronModel": Head(tokens),
        "NemotronForSequenceClassification": Head(tokens, class_labels(3)),
        "NemotronForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "NemotronForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "biases": {"attention_bias": True, "mlp_bias": True},
        "tied": {"tie_word_embeddings": True},
        "head_dim": {"head_dim": 12},
        "whole": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}},
    },
)

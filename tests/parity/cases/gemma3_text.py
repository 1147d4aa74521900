"""The text half of Gemma 3: every head, linear scaling, both directions, a bound of the logits, windows alone."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Gemma3TextConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 12,
        "sliding_window": 5,
        "query_pre_attn_scalar": 5,
        "layer_types": ["sliding_attention", "full_attention"],
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Gemma3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Gemma3TextModel": Head(tokens),
        "Gemma3TextForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "linear": {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
        "both_ways": {"use_bidirectional_attention": True, "sliding_window": 8},
        "bound": {"final_logit_softcapping": 0.3},
        "windows": {"layer_types": None},
    },
)

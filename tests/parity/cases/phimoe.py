"""Phi-3.5-MoE: every head, biases, a window, LongRoPE within and beyond the trained length, the routers' loss."""

from kit.families import Case, Head, class_labels, token_labels, tokens


def longrope(trained):
    """Rotary positions of a model trained on texts of this many tokens."""
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0, 1.1, 1.2, 1.3],
        "long_factor": [2.0, 2.5, 3.0, 3.5],
        "short_mscale": 1.2,
        "long_mscale": 1.3,
        "original_max_position_embeddings": trained,
    }


CASE = Case(
    config_class="PhimoeConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "num_local_experts": 4,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "PhimoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "PhimoeModel": Head(tokens),
        "PhimoeForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "biases": {"attention_bias": True, "lm_head_bias": True},
        "window": {"sliding_window": 5},
        "near": {"router_jitter_noise": 0.5},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "longrope_short": {"rope_parameters": longrope(16)},
        "longrope_long": {"rope_parameters": longrope(4)},
        "tied": {"tie_word_embeddings": True},
    },
)

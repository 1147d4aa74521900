"""Granite MoE: every factor, biases, the routers' loss, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="GraniteMoeConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "num_local_experts": 4,
        "embedding_multiplier": 3.0,
        "attention_multiplier": 0.2,
        "residual_multiplier": 0.5,
        "logits_scaling": 4.0,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GraniteMoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GraniteMoeModel": Head(tokens),
    },
    variants={
        "biases": {"attention_bias": True},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "tied": {"tie_word_embeddings": True},
    },
)

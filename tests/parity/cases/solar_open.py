"""Solar Open: groups of experts, biases, routers' scores, shares as they are, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="SolarOpenConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "head_dim": 8,
        "moe_intermediate_size": 20,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "routed_scaling_factor": 1.5,
    },
    heads={
        "SolarOpenForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "SolarOpenModel": Head(tokens),
    },
    variants={
        "groups": {"n_routed_experts": 8, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3},
        "biases": {"attention_bias": True},
        "shared": {"n_shared_experts": 2},
        "routers": {"output_router_logits": True},
        "as_they_are": {"norm_topk_prob": False},
        "tied": {"tie_word_embeddings": True},
    },
)

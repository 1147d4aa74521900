"""GLM-4.5: groups of experts, normed queries and keys, biases, routers' scores, shares as they are, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Glm4MoeConfig",
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
        "moe_intermediate_size": 20,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "routed_scaling_factor": 1.5,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Glm4MoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Glm4MoeModel": Head(tokens),
    },
    variants={
        "groups": {"n_routed_experts": 8, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 3},
        "normed": {"use_qk_norm": True},
        "biases": {"attention_bias": True},
        "all_mixtures": {"first_k_dense_replace": 0, "n_shared_experts": 2},
        "routers": {"output_router_logits": True},
        "as_they_are": {"norm_topk_prob": False},
        "tied": {"tie_word_embeddings": True},
    },
)

"""Nemotron-H: layers of all four kinds, an MLP first, narrow experts in groups, shares as they are, letters, biases."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="NemotronHConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp"],
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
        "mamba_num_heads": 8,
        "mamba_head_dim": 6,
        "n_groups": 2,
        "ssm_state_size": 8,
        "chunk_size": 4,
        "n_routed_experts": 4,
        "moe_intermediate_size": 20,
        "moe_shared_expert_intermediate_size": 28,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "NemotronHForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "NemotronHModel": Head(tokens),
    },
    variants={
        "latent": {
            "layers_block_type": ["mlp", "moe", "mamba", "attention"],
            "moe_latent_size": 16,
            "n_routed_experts": 8,
            "n_group": 4,
            "topk_group": 2,
            "num_experts_per_tok": 3,
            "routed_scaling_factor": 2.5,
            "norm_topk_prob": False,
        },
        "letters": {"layers_block_type": None, "hybrid_override_pattern": "M-*", "mlp_bias": True, "conv_kernel": 3},
    },
)

"""Kimi Linear: layers of both kinds, with and without experts, groups, wide queries, kinds as files say them."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="KimiLinearConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "moe_intermediate_size": 20,
        "num_hidden_layers": 2,
        "layer_types": ["linear_attention", "full_attention"],
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 6,
        "v_head_dim": 8,
        "linear_head_dim": 8,
        "linear_num_heads": 3,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "KimiLinearForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "KimiLinearModel": Head(tokens),
    },
    variants={
        "all_mixtures": {"mlp_layer_types": ["sparse", "sparse"], "num_local_experts": 8, "n_group": 4, "topk_group": 2},
        "as_files_say": {
            "layer_types": None,
            "q_lora_rank": 24,
            "norm_topk_prob": False,
            "linear_attn_config": {
                "full_attn_layers": [1],
                "kda_layers": [2],
                "head_dim": 6,
                "num_heads": 4,
                "short_conv_kernel_size": 3,
            },
        },
    },
)

"""Gemma 4's text half: heads of two widths, layers without keys, keys for values, experts, no embeddings of layers."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Gemma4TextConfig",
    config={
        "vocab_size": 99,
        "vocab_size_per_layer_input": 99,
        "hidden_size": 32,
        "hidden_size_per_layer_input": 6,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "global_head_dim": 12,
        "num_kv_shared_layers": 1,
        "max_position_embeddings": 64,
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention", "full_attention"],
        "pad_token_id": 0,
    },
    heads={
        "Gemma4ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Gemma4TextModel": Head(tokens),
    },
    variants={
        "experts": {
            "enable_moe_block": True,
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 20,
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
            "num_kv_shared_layers": 0,
            "hidden_size_per_layer_input": 0,
            "attention_k_eq_v": True,
            "num_global_key_value_heads": 1,
        },
        "both_ways": {
            "use_bidirectional_attention": "all",
            "sliding_window": 8,
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
            "num_kv_shared_layers": 0,
        },
        "readers": {
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True,
            "final_logit_softcapping": 0.3,
            "attention_bias": True,
            "tie_word_embeddings": False,
            "use_bidirectional_attention": "vision",
        },
    },
)

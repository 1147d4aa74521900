"""Llama 4's text half: chunks and a layer that sees all, experts and none, several of them, growing queries, biases."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Llama4TextConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 24,
        "intermediate_size_mlp": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
        "num_local_experts": 4,
        "no_rope_layer_interval": 2,
        "attention_chunk_size": 4,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Llama4ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Llama4TextModel": Head(tokens, config={"floor_scale": 3, "attn_scale": 0.5}),  # which the reference counts by slots
    },
    variants={
        "two_experts": {"num_experts_per_tok": 2, "output_router_logits": True},
        "some_experts": {"interleave_moe_layer_step": 2},
        "not_normed": {"use_qk_norm": False, "attn_temperature_tuning": False},
        "all_turn": {"no_rope_layers": [1, 1], "layer_types": ["full_attention", "chunked_attention"]},
        "biases": {"attention_bias": True},
        "tied": {"tie_word_embeddings": True},
    },
)

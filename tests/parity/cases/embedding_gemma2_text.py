"""EmbeddingGemma 2's text half: windows to either side, heads of two widths, sizes of each layer, biases."""

from kit.families import Case, Head, tokens

CASE = Case(
    config_class="EmbeddingGemma2TextConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "hidden_size_per_layer_input": 6,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "global_head_dim": 12,
        "embedding_dim": 20,
        "max_position_embeddings": 64,
        "sliding_window": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "pad_token_id": 0,
    },
    heads={"EmbeddingGemma2TextModel": Head(tokens)},
    variants={
        "sizes": {
            "per_layer_config": {0: {"num_key_value_heads": 4}, 1: {"head_dim": 16, "num_key_value_heads": 2}},
            "attention_bias": True,
            "sliding_window": 3,
        },
        "pattern": {"layer_types": None, "sliding_window_pattern": 2, "num_global_key_value_heads": 2},
    },
)

"""Qwen 3.5, text: layers of both kinds, biases, positions of pictures, one head of keys for each of values, tied."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Qwen3_5TextConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "layer_types": ["linear_attention", "full_attention"],
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 64,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 6,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Qwen3_5ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Qwen3_5TextModel": Head(tokens),
        "Qwen3_5TextForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "biases": {"attention_bias": True, "linear_num_key_heads": 4, "tie_word_embeddings": True},
        "sections": {
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000.0,
                "partial_rotary_factor": 0.5,
                "mrope_section": [2, 1, 1],
                "mrope_interleaved": True,
            }
        },
        "attention first": {"layer_types": ["full_attention", "linear_attention"], "linear_conv_kernel_dim": 3},
    },
)

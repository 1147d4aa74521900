"""LFM2: layers of both kinds, biases, untied, every rule for the width of the MLPs, other kernels."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Lfm2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "layer_types": ["conv", "full_attention"],
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "block_multiple_of": 16,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "Lfm2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Lfm2Model": Head(tokens),
    },
    variants={
        "untied": {"tie_word_embeddings": False, "block_auto_adjust_ff_dim": False, "conv_L_cache": 4},
        "attention first": {"layer_types": None, "full_attn_idxs": [0], "block_ffn_dim_multiplier": 1.3},
    },
)

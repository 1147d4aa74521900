"""Zamba2: two blocks that layers use in turn, with additions to attention and positions, one alone, untied, groups.

With biases, padding changes what the reference gives; see `tests/models/zamba2`."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Zamba2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 3,
        "layers_block_type": ["mamba", "hybrid", "hybrid"],
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "n_mamba_heads": 8,
        "mamba_d_state": 8,
        "chunk_size": 4,
        "adapter_rank": 3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Zamba2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Zamba2Model": Head(tokens),
        "Zamba2ForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "in_turn": {
            "num_hidden_layers": 4,
            "layers_block_type": ["hybrid", "hybrid", "linear_attention", "hybrid"],
            "num_mem_blocks": 2,
            "use_shared_attention_adapter": True,
            "use_mem_rope": True,
        },
        "apart": {"tie_word_embeddings": False, "num_key_value_heads": 2, "use_mem_rope": True},
        "sizes": {"mamba_ngroups": 2, "mamba_d_conv": 3, "time_step_min": 0.5},
    },
)

"""Granite 4: layers of both kinds, with and without experts and positions, older names of kinds, factors, biases, tied."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="GraniteMoeHybridConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "layer_types": ["linear_attention", "full_attention"],
        "num_local_experts": 4,
        "shared_intermediate_size": 24,
        "mamba_n_heads": 8,
        "mamba_n_groups": 2,
        "mamba_d_state": 8,
        "mamba_chunk_size": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "GraniteMoeHybridForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GraniteMoeHybridModel": Head(tokens),
    },
    variants={
        "rope": {"position_embedding_type": "rope", "attention_bias": True, "tie_word_embeddings": True},
        "dense": {"num_local_experts": 0, "num_experts_per_tok": 0, "layer_types": ["attention", "mamba"]},
        "factors": {
            "embedding_multiplier": 3.0,
            "logits_scaling": 2.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.3,
        },
    },
)

"""JetMoE: every head, one key for all, one expert, own embeddings, another epsilon for the last norm."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="JetMoeConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "kv_channels": 12,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "JetMoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "JetMoeModel": Head(tokens),
        "JetMoeForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "one_key": {"num_key_value_heads": 1},
        "one_expert_each": {"num_experts_per_tok": 1},
        "own_embeddings": {"tie_word_embeddings": False},
        "last_norm": {"rms_norm_eps": 0.1},
        "older_base": {"rope_theta": 500.0},
    },
)

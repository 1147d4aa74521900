"""gpt-oss: every head, sinks with and without a window, YaRN and plain positions, routers' loss, no biases, tied embeddings."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="GptOssConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 12,
        "max_position_embeddings": 64,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 150000.0,
            "factor": 4.0,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "truncate": False,
            "original_max_position_embeddings": 16,
        },
        "sliding_window": 5,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GptOssForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GptOssModel": Head(tokens),
        "GptOssForSequenceClassification": Head(tokens, class_labels(3)),
        "GptOssForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "all_full": {"layer_types": ["full_attention"] * 2},
        "plain_positions": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        "no_biases": {"attention_bias": False},
        "near_limit": {"swiglu_limit": 0.1, "swiglu_alpha": 1.5},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "tied": {"tie_word_embeddings": True},
    },
)

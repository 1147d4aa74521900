"""MiniMax-Text-01: layers of both kinds in either order, blocks shorter than the text, factors, a window, tied, wide heads."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="MiniMaxConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "num_local_experts": 4,
        "block_size": 4,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "MiniMaxForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "MiniMaxModel": Head(tokens),
        "MiniMaxForSequenceClassification": Head(tokens, class_labels(3)),
        "MiniMaxForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "MiniMaxForQuestionAnswering": Head(tokens, span_labels),
    },
    tables=("slope_rate", "query_decay", "key_decay", "diagonal_decay"),
    variants={
        "factors": {
            "layer_types": ["linear_attention", "full_attention"],
            "full_attn_alpha_factor": 1.5,
            "full_attn_beta_factor": 0.7,
            "linear_attn_alpha_factor": 1.2,
            "linear_attn_beta_factor": 0.6,
            "mlp_alpha_factor": 1.3,
            "mlp_beta_factor": 0.8,
        },
        "window": {"sliding_window": 5, "head_dim": 12, "tie_word_embeddings": True},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5, "block_size": 16},
    },
)

"""Qwen 3 MoE: every head, shares that add up, windows, layers without experts, losses of the routers, biases."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="Qwen3MoeConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 12,
        "moe_intermediate_size": 24,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Qwen3MoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Qwen3MoeModel": Head(tokens),
        "Qwen3MoeForSequenceClassification": Head(tokens, class_labels(3)),
        "Qwen3MoeForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "Qwen3MoeForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "biases": {"attention_bias": True},
        "windows": {"use_sliding_window": True, "sliding_window": 5},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "shares_add_up": {"norm_topk_prob": True},
        "dense_first": {"decoder_sparse_step": 2},
        "dense_second": {"mlp_only_layers": [1]},
    },
)

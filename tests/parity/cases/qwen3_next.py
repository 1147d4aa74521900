"""Qwen3-Next: layers of both kinds, with and without experts, biases, one head of keys for each of values, tied."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="Qwen3NextConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 40,
        "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 28,
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
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Qwen3NextForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Qwen3NextModel": Head(tokens),
        "Qwen3NextForSequenceClassification": Head(tokens, class_labels(3)),
        "Qwen3NextForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "Qwen3NextForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "dense": {"mlp_only_layers": [0], "attention_bias": True, "linear_num_key_heads": 4, "tie_word_embeddings": True},
        "attention first": {"layer_types": ["full_attention", "linear_attention"], "linear_conv_kernel_dim": 3},
        "routers": {"output_router_logits": True, "norm_topk_prob": False},
    },
)

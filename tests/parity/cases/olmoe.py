"""OLMoE: bounded queries, keys and values, shares that add up to 1, the routers' loss, tied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="OlmoeConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "OlmoeForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "OlmoeModel": Head(tokens),
    },
    variants={
        "bounded": {"clip_qkv": 0.5},
        "whole": {"norm_topk_prob": True},
        "routers": {"output_router_logits": True, "router_aux_loss_coef": 0.5},
        "tied": {"tie_word_embeddings": True},
    },
)

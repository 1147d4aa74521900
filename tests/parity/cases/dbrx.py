"""DBRX: both heads, bounds, one or four heads of keys, shares divided by another norm or by none, the routers' loss."""

from typing import Any

from kit.families import Case, Head, token_labels, tokens

THETA = 500000.0


def attention(**changes: Any) -> dict[str, Any]:
    return {"kv_n_heads": 2, "clip_qkv": 1, "rope_theta": THETA, **changes}


def experts(**changes: Any) -> dict[str, Any]:
    return {"ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 32, **changes}


CASE = Case(
    config_class="DbrxConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "n_layers": 2,
        "n_heads": 4,
        "max_seq_len": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": THETA},
        "attn_config": attention(),
        "ffn_config": experts(),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "DbrxForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "DbrxModel": Head(tokens),
    },
    variants={
        "one_key": {"attn_config": attention(kv_n_heads=1)},
        "own_keys": {"attn_config": attention(kv_n_heads=4)},
        "euclidean_shares": {"ffn_config": experts(moe_normalize_expert_weights=2.0)},
        "shares_of_all": {"ffn_config": experts(moe_normalize_expert_weights=None)},
        "routers": {"output_router_logits": True, "ffn_config": experts(moe_loss_weight=0.5)},
        "gelu": {"ffn_config": experts(ffn_act_fn={"name": "gelu"})},
    },
)

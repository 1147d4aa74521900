"""Files of GTE have the names of its first code: one tensor of queries, keys and values, one of MLPs and their gates."""

from ...loading.rules import Rule, rename, split

_PARTS = ("q_proj", "k_proj", "v_proj")
_RENAMED = {
    "attention.o_proj": "self_attn.o_proj",
    "mlp.down_proj": "mlp.down_proj",
    "attn_ln": "post_attention_layernorm",
    "mlp_ln": "post_mlp_layernorm",
}


def _rules(kind: str) -> list[Rule]:
    """Of the weights or the biases."""
    return [
        split(f"encoder.layer.{{}}.attention.qkv_proj.{kind}", [f"layers.{{}}.self_attn.{part}.{kind}" for part in _PARTS]),
        *(rename(f"encoder.layer.{{}}.{old}.{kind}", f"layers.{{}}.{new}.{kind}") for old, new in _RENAMED.items()),
        rename(f"lm_head.norm.{kind}", f"lm_head.layer_norm.{kind}"),
    ]


RULES = (
    *_rules("weight"),
    *_rules("bias"),
    split("encoder.layer.{}.mlp.up_gate_proj.weight", ["layers.{}.mlp.up_proj.weight", "layers.{}.mlp.gate_proj.weight"]),
)

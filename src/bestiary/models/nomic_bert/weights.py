"""Files of Nomic Embed have the names of its first code, with queries, keys and values in one tensor."""

from ...loading.rules import Rule, rename, split

_PARTS = ("q_proj", "k_proj", "v_proj")
_RENAMED = {"norm1": "post_attention_layernorm", "norm2": "post_mlp_layernorm"}
_DENSE = {
    "attn.out_proj": "self_attn.o_proj",
    "mlp.fc11": "mlp.up_proj",
    "mlp.fc12": "mlp.gate_proj",
    "mlp.fc2": "mlp.down_proj",
}

RULES: tuple[Rule, ...] = (
    split("encoder.layers.{}.attn.Wqkv.weight", [f"layers.{{}}.self_attn.{part}.weight" for part in _PARTS]),
    *(rename(f"encoder.layers.{{}}.{old}.weight", f"layers.{{}}.{new}.weight") for old, new in _DENSE.items()),
    *(
        rename(f"encoder.layers.{{}}.{old}.{kind}", f"layers.{{}}.{new}.{kind}")
        for old, new in _RENAMED.items()
        for kind in ("weight", "bias")
    ),
    *(rename(f"emb_ln.{kind}", f"embeddings.LayerNorm.{kind}") for kind in ("weight", "bias")),
)

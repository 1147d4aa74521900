"""Files of Jina Embeddings v3 have the names of its first code, with queries, keys and values in one tensor."""

from ...loading.rules import Rule, rename, split

_PARTS = ("q_proj", "k_proj", "v_proj")
_RENAMED = {
    "mixer.out_proj": "self_attn.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "norm1": "post_attention_layernorm",
    "norm2": "post_mlp_layernorm",
}


def _rules(kind: str) -> list[Rule]:
    """Of the weights or the biases."""
    return [
        split(f"encoder.layers.{{}}.mixer.Wqkv.{kind}", [f"layers.{{}}.self_attn.{part}.{kind}" for part in _PARTS]),
        *(rename(f"encoder.layers.{{}}.{old}.{kind}", f"layers.{{}}.{new}.{kind}") for old, new in _RENAMED.items()),
        rename(f"emb_ln.{kind}", f"embeddings.LayerNorm.{kind}"),
    ]


RULES = (*_rules("weight"), *_rules("bias"))

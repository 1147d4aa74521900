"""SegFormer's weights under the names of published files."""

from ...loading.rules import Rule, rename

# Of a block: name in files -> name here.
_BLOCK = {
    "layer_norm_1": "layernorm_before",
    "layer_norm_2": "layernorm_after",
    "attention.self.query": "attention.q_proj",
    "attention.self.key": "attention.k_proj",
    "attention.self.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "attention.self.sr": "attention.sequence_reduction.sequence_reduction",
    "attention.self.layer_norm": "attention.sequence_reduction.layer_norm",
    "mlp.dense1": "mlp.fc1",
    "mlp.dense2": "mlp.fc2",
    "mlp.dwconv.dwconv": "mlp.dwconv.dwconv",
}
_STAGE = {
    "encoder.patch_embeddings.{}.proj": "stages.{}.patch_embeddings.proj",
    "encoder.patch_embeddings.{}.layer_norm": "stages.{}.patch_embeddings.layer_norm",
    "encoder.layer_norm.{}": "stages.{}.layer_norm",
    "decode_head.linear_c.{}.proj": "decode_head.linear_projections.{}.proj",
}


def file_names() -> tuple[Rule, ...]:
    """Rules for the files of SegFormer, as they are read and written."""
    blocks = {f"encoder.block.{{}}.{{}}.{old}": f"stages.{{}}.blocks.{{}}.{new}" for old, new in _BLOCK.items()}
    return tuple(rename(f"{old}.{{}}", f"{new}.{{}}") for old, new in (blocks | _STAGE).items())

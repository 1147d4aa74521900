"""Files of Mixtral hold each expert by itself: w1 is the gate, w3 what it opens, w2 the way back."""

from ...loading.rules import rename, stack

RULES = (
    rename("block_sparse_moe.gate.weight", "mlp.gate.weight"),
    stack(["block_sparse_moe.experts.{n}.w1.weight", "block_sparse_moe.experts.{n}.w3.weight"], "mlp.experts.gate_up_proj"),
    stack(["block_sparse_moe.experts.{n}.w2.weight"], "mlp.experts.down_proj"),
)

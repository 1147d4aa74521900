"""Weights that DINOv2's files hold otherwise: the halves of gated MLPs lie in one matrix."""

from ...loading.rules import Rule, rename, split

_HALVES = ("mlp.gate_proj", "mlp.up_proj")

RULES: tuple[Rule, ...] = tuple(
    rule
    for kind in ("weight", "bias")
    for rule in (
        split(f"encoder.layer.{{}}.mlp.weights_in.{kind}", [f"encoder.layer.{{}}.{half}.{kind}" for half in _HALVES]),
        rename(f"encoder.layer.{{}}.mlp.weights_out.{kind}", f"encoder.layer.{{}}.mlp.down_proj.{kind}"),
    )
)

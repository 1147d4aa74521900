"""How files hold the experts of mixtures: each by itself, under the names of its three projections."""

from ..loading.rules import stack

GATED = (
    stack(["mlp.experts.{n}.gate_proj.weight", "mlp.experts.{n}.up_proj.weight"], "mlp.experts.gate_up_proj"),
    stack(["mlp.experts.{n}.down_proj.weight"], "mlp.experts.down_proj"),
)

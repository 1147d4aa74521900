"""What of Granite MoE is not Llama: names. Its files hold all experts together, under the names of linear layers."""

from ...loading.rules import rename
from ...modeling.mixture import Mixture

RULES = (
    rename("block_sparse_moe.router.layer.weight", "block_sparse_moe.router.weight"),
    rename("block_sparse_moe.input_linear.weight", "block_sparse_moe.experts.gate_up_proj"),
    rename("block_sparse_moe.output_linear.weight", "block_sparse_moe.experts.down_proj"),
)


class GraniteMoeMoE(Mixture):
    """The sum of what the chosen experts give, by their shares."""

    router_name = "router"

"""What of Granite 4 is not data. Parameter names are the published ones."""

from torch import Tensor

from ...modeling.decoder_config import DecoderConfig
from ...modeling.state_space import StateSpaceMixer
from ...nn.alias import Alias
from ...nn.part_order import put_last
from ..granitemoe.model import GraniteMoeMoE
from ..llama.model import LlamaDecoderLayer, LlamaMLP
from ..mixtral.model import MixtralModel
from . import GraniteMoeHybridConfig


class GraniteMoeHybridMLP(LlamaMLP):
    """The MLP of every token; one projection gives the gate and what it opens."""

    bias = False
    gate_name, up_name, down_name = "input_linear", None, "output_linear"
    hidden_size = Alias("output_linear.in_features")  # so it is published

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config, config.declared("shared_intermediate_size"))


class GraniteMoeHybridDecoderLayer(LlamaDecoderLayer):
    """Attention or a state-space model; then experts, if there are any, and an MLP, which read the same states."""

    state_class, mlp_class, mlp_name = StateSpaceMixer, GraniteMoeHybridMLP, "shared_mlp"

    def __init__(self, config: GraniteMoeHybridConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.block_sparse_moe = GraniteMoeMoE(config) if config.num_local_experts else None
        put_last(self, "shared_mlp", self.mixer_name)

    def feed(self, x: Tensor) -> Tensor:
        return super().feed(x) if self.block_sparse_moe is None else self.block_sparse_moe(x) + super().feed(x)


class GraniteMoeHybridModel(MixtralModel):
    """Granite 4 without a head."""

    packs = False

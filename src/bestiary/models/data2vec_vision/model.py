"""What data2vec for images does otherwise than BEiT: where the parts of a block lie, and that a model has no pooler."""

from ...modeling.biased_patch_config import BiasedPatchConfig
from ...modeling.grid_bias import GridBias
from ...modeling.uper_head import head_rules
from ...nn.part_order import put_last
from ..beit.model import BeitLayer, BeitModel

# Files of earlier releases.
RULES = head_rules("bn", reverse=False)


class Data2VecVisionLayer(BeitLayer):
    """BEiT's block, whose biases of distances are part of its attention."""

    def __init__(self, config: BiasedPatchConfig, rate: float) -> None:
        super().__init__(config, rate)
        put_last(self, "layernorm_before", "drop_path", "layernorm_after")

    def add_bias(self, config: BiasedPatchConfig) -> None:
        self.attention.get_submodule("attention").add_module("relative_position_bias", GridBias(config))

    def own_bias(self) -> GridBias | None:
        distances = self.attention.get_submodule("attention")._modules.get("relative_position_bias")
        return distances if isinstance(distances, GridBias) else None


class Data2VecVisionModel(BeitModel):
    """The encoder without a head, by default without a pooler too.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of all patches through a norm, or the class token's state.
    """

    def __init__(self, config: BiasedPatchConfig, add_pooling_layer: bool = False) -> None:
        super().__init__(config, add_pooling_layer)

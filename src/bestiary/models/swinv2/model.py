"""The modules of Swin V2 that Swin does not have. Parameter names are the published ones."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...core.outputs import BackboneOutput
from ...modeling.cosine_windows import CosineWindowLayer
from ...modeling.windowed import WindowEmbeddings, WindowEncoder, WindowMerging, WindowStage, of_stages
from ..swin.model import SwinBackbone


class Swinv2Embeddings(WindowEmbeddings):
    """The patches of Swin; a table of learned positions has one more in front, as published ones have."""

    places_before = 1


class Swinv2Merging(WindowMerging):
    """Four neighbours become one patch, twice as wide, through a norm."""

    norms_behind = True


class Swinv2Stage(WindowStage):
    """Blocks of one width; behind them, but for the last stage, patches are joined."""

    layer_class, merging_class = CosineWindowLayer, Swinv2Merging


class Swinv2Encoder(WindowEncoder):
    """All stages."""

    stage_class = Swinv2Stage


class Swinv2Backbone(SwinBackbone):
    """Swin V2 whose output is the maps of the stages in `config.out_features`, before patches are joined, without norms."""

    keeps_windows = False
    _weight_rules = ()
    _optional_parts = []

    def add_norms(self) -> None:
        """There are none."""

    def chosen_maps(self, states: Sequence[Tensor]) -> BackboneOutput:
        return self.feature_maps(states)

    def _arrange_recorded(self, output: Any) -> None:
        if output.hidden_states is not None:
            output.hidden_states = tuple(state.flatten(1, 2) for state in output.hidden_states)
        output.attentions = of_stages(self.config, output.attentions)

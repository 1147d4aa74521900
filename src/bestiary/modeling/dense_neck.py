"""The neck of DPT and its relatives: states of a transformer become fused maps; how such models find their backbone."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ..core.errors import InputError
from ..nn.init import start_usually
from .backbone import Backbone, build_backbone, stand_on
from .base import PreTrainedModel
from .config import PreTrainedConfig
from .map_fusion import FusionStage
from .reassemble import Reassemble

# How weights start, for `kind_starts`.
STARTS = dict.fromkeys(
    (nn.Linear, nn.Conv2d, nn.ConvTranspose2d), lambda part, config: start_usually(part, config.initializer_range)
)


class DenseNeck(nn.Module):
    """States to maps of several scales, each at one width, fused.

    Class attribute `fusion_class`: what fuses them.

    Args:
        reassemble: what makes maps of states; None where the backbone gives maps.
    """

    fusion_class: ClassVar[type[FusionStage]] = FusionStage

    def __init__(self, config: PreTrainedConfig, reassemble: Reassemble | None) -> None:
        super().__init__()
        size = config.get("fusion_hidden_size")
        self.reassemble_stage = reassemble
        self.convs = nn.ModuleList(
            nn.Conv2d(width, size, 3, padding=1, bias=False) for width in config.get("neck_hidden_sizes")
        )
        self.fusion_stage = self.fusion_class(config)

    def forward(
        self,
        hidden_states: Sequence[Tensor],
        patch_height: int | None = None,
        patch_width: int | None = None,
        prompt_depth: Tensor | None = None,
    ) -> Any:
        """States (B, 1 + patches, D), and rows and columns of patches -> fused maps (B, C, y, x), coarse to fine."""
        return self.fusion_stage(self.widened(hidden_states, patch_height, patch_width), prompt_depth)

    def widened(self, states: Sequence[Tensor], rows: int | None, columns: int | None) -> list[Tensor]:
        """The maps that are fused, fine to coarse."""
        maps = states if self.reassemble_stage is None else self.reassemble_stage(states, rows, columns)
        return [convolve(each) for convolve, each in zip(self.convs, maps, strict=True)]


class OverBackbone(PreTrainedModel):
    """A model over the maps of a backbone, which stands in it as `backbone`; states and attention are the backbone's."""

    main_input_name = "pixel_values"
    _optional_parts = [r"^backbone\.embeddings\.mask_token$"]
    backbone: Backbone

    def put_backbone(self) -> None:
        """Build the backbone that the config describes."""
        self.backbone = build_backbone(self.config.get("backbone_config"))
        stand_on(self, self.backbone, "backbone")

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def _arrange_recorded(self, output: Any) -> None:
        if "backbone" in self._modules:
            self.backbone._arrange_recorded(output)


def refuse_labels(model: Any, labels: Tensor | None) -> None:
    """Raise `InputError` where there are `labels`: the family publishes no loss."""
    if labels is not None:
        raise InputError(
            f"{type(model).__name__} has no loss of its own, so labels mean nothing to it; compute one of predicted_depth, such"
            " as bestiary.nn.losses.scale_invariant_loss for depths in metres"
        )

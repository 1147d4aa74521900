"""DPT (Ranftl et al. 2021, "Vision transformers for dense prediction"): depth, or the class, of each pixel.

States of four blocks of a ViT become maps of four scales, which are fused from coarse to fine. DPT-hybrid reads two of the
maps from the convolutional backbone under its ViT; others have another backbone in place of the ViT.

Paper: https://arxiv.org/abs/2103.13413
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.backbone_config import OLDER_BACKBONE, take_backbone
from ...modeling.dense_config import FusedResidualConfig, check_maps
from ...modeling.patch_config import Pair, PooledPatchConfig

# The backbone under the ViT of DPT-hybrid.
_BIT = {
    "model_type": "bit",
    "global_padding": "same",
    "layer_type": "bottleneck",
    "depths": [3, 4, 9],
    "out_features": ["stage1", "stage2", "stage3"],
    "embedding_dynamic_padding": True,
}


class DPTConfig(PooledPatchConfig, FusedResidualConfig):
    """Hyperparameters; the defaults are those of a ViT-B on images of 384 under DPT's neck.

    `backbone_out_indices` are the blocks whose states are read. With `backbone_config` another backbone stands in place of the
    ViT, or, with `is_hybrid`, under it: then `neck_ignore_stages` are the maps that come from there, and
    `backbone_featmap_shape` the shape of its last. `use_auxiliary_head` trains the model that labels pixels also on a coarse
    map, whose loss weighs `auxiliary_loss_weight`; pixels labelled `semantic_loss_ignore_index` do not count.
    """

    model_type: ClassVar[str] = "dpt"

    image_size: Pair = 384
    is_hybrid: bool = False
    backbone_out_indices: Sequence[Count] | None = (2, 5, 8, 11)
    use_auxiliary_head: bool = True
    auxiliary_loss_weight: Amount = 0.4
    semantic_loss_ignore_index: int = 255
    semantic_classifier_dropout: Rate = 0.1
    backbone_featmap_shape: Sequence[Size] | None = (1, 1024, 24, 24)
    neck_ignore_stages: Sequence[Count] = (0, 1)
    backbone_config: Any = None

    def validate(self) -> None:
        if self.is_hybrid or self.backbone_config is not None or self.__dict__.get("backbone") is not None:
            take_backbone(self, _BIT)
        for older in OLDER_BACKBONE:
            self.__dict__.pop(older, None)
        super().validate()
        name, maps = type(self).__name__, len(self.neck_hidden_sizes)
        if self.is_hybrid:
            self._check_hybrid()
        else:
            self.backbone_featmap_shape, self.neck_ignore_stages = None, []
            if self.backbone_config is not None:
                check_maps(self, self.backbone_config)
        check(name, "backbone_out_indices", self.backbone_out_indices, Sequence[Count] | None)
        if self.backbone_out_indices is not None:
            self.backbone_out_indices = list(self.backbone_out_indices)
        if self.is_hybrid or self.backbone_config is None:
            indices = self.backbone_out_indices or []
            if len(indices) != maps or sorted(set(indices)) != indices or indices[-1] >= self.num_hidden_layers:
                raise ConfigError(
                    f"{name}: backbone_out_indices is {self.backbone_out_indices}; expected {maps} of the"
                    f" {self.num_hidden_layers} blocks, in order"
                )

    def _check_hybrid(self) -> None:
        name = type(self).__name__
        shape, stages = self.backbone_featmap_shape, list(self.neck_ignore_stages)
        if self.readout_type != "project":
            raise ConfigError(f"{name}: readout_type is {self.readout_type!r}; with is_hybrid it must be 'project'")
        if shape is None or len(shape) != 4:
            raise ConfigError(f"{name}: backbone_featmap_shape is {shape}; expected (1, channels, rows, columns)")
        if stages != [0, 1]:
            raise ConfigError(
                f"{name}: neck_ignore_stages is {stages}; with is_hybrid the first two maps are the backbone's: [0, 1]"
            )
        self.backbone_featmap_shape, self.neck_ignore_stages = list(shape), stages


TASKS = {
    "base": "DPTModel",
    "depth-estimation": "DPTForDepthEstimation",
    "semantic-segmentation": "DPTForSemanticSegmentation",
}

PREPROCESSORS = {"image_processor": "DPTImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DPTPreTrainedModel", *TASKS.values()],
        "image_processor": ["DPTImageProcessor", "DPTImageProcessorFast", "DPTImageProcessorPil", "DPTFeatureExtractor"],
    },
)

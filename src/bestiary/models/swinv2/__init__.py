"""Swin V2 (Liu et al. 2022, "Swin Transformer V2: scaling up capacity and resolution").

Differs from Swin: scores are cosines times a trained number of each head, the biases of distances are computed by an MLP from
their logarithms, so that windows may grow, and norms stand behind each half of a block.

Paper: https://arxiv.org/abs/2111.09883
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Count, Size
from ...modeling.backbone_config import BackboneConfig, stage_list
from ...modeling.variant import Import, variant
from ...modeling.window_config import WindowConfig
from .. import swin


class Swinv2Config(WindowConfig, BackboneConfig):
    """Hyperparameters; the defaults are those of Swin V2-T on images of 224.

    `pretrained_window_sizes` are the sides of the windows, stage by stage, that an earlier training had: distances are measured
    by these; 0 means by the windows of now. `encoder_stride` is the number of pixels that the decoder of masked images makes of
    each last patch, a side.
    """

    model_type: ClassVar[str] = "swinv2"

    pretrained_window_sizes: Sequence[Count] = (0, 0, 0, 0)
    encoder_stride: Size = 32

    def validate(self) -> None:
        self.stage_names = stage_list(len(self.depths) if isinstance(self.depths, list | tuple) else 0)
        super().validate()
        self.pretrained_window_sizes = list(self.pretrained_window_sizes)
        if len(self.pretrained_window_sizes) < len(self.depths):
            raise ConfigError(
                f"{type(self).__name__}: pretrained_window_sizes {self.pretrained_window_sizes} name fewer stages than depths"
                f" {self.depths}; give one for each, 0 where there was no earlier training"
            )


TASKS = {
    "base": "Swinv2Model",
    "image-classification": "Swinv2ForImageClassification",
    "masked-image-modeling": "Swinv2ForMaskedImageModeling",
    "backbone": "Swinv2Backbone",
}

PREPROCESSORS = {"image_processor": "ViTImageProcessor"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Swinv2Config,
    TASKS,
    swin,
    {
        "PreTrainedModel": {
            "base_model_prefix": "swinv2",
            "embeddings_class": Import(".model.Swinv2Embeddings"),
            "encoder_class": Import(".model.Swinv2Encoder"),
            "_no_split_modules": ["Swinv2Stage"],
            "_weight_rules": (),
            "_keys_to_ignore_on_load_unexpected": [
                r"attention\.self\.relative_position_index",
                r"attention\.self\.relative_coords_table",
            ],
        },
        "Backbone": Import(".model.Swinv2Backbone"),
    },
)

"""SegFormer (Xie et al. 2021, "SegFormer: simple and efficient design for semantic segmentation with transformers").

A Mix Transformer encoder gives states of four grids, from fine to coarse; dense layers bring them to one width and size, one
more makes of all of them the class of each place.

Paper: https://arxiv.org/abs/2105.15203
"""

from typing import ClassVar

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.mix_transformer_config import MixTransformerConfig


class SegformerConfig(MixTransformerConfig):
    """Hyperparameters: see `MixTransformerConfig`. `decoder_hidden_size` is the width of the head that labels places.

    Without `reshape_last_stage` the last state stays a sequence (B, Y * X, D). Places whose label is
    `semantic_loss_ignore_index` do not count in the loss.
    """

    model_type: ClassVar[str] = "segformer"
    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "num_encoder_blocks"}

    classifier_dropout_prob: Rate = 0.1
    decoder_hidden_size: Size = 256
    semantic_loss_ignore_index: int = 255
    reshape_last_stage: bool = True


TASKS = {
    "base": "SegformerModel",
    "semantic-segmentation": "SegformerForSemanticSegmentation",
    "image-classification": "SegformerForImageClassification",
}

PREPROCESSORS = {"image_processor": "SegformerImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["SegformerPreTrainedModel", *TASKS.values(), "SegformerDecodeHead", "SegformerLayer"],
        "image_processor": [
            "SegformerImageProcessor",
            "SegformerImageProcessorFast",
            "SegformerImageProcessorPil",
            "SegformerFeatureExtractor",
        ],
    },
)

"""EoMT (Kerssies et al. 2025, "Your ViT is secretly an image segmentation model"): DINOv2 that draws masks itself.

Differs from Mask2Former: there is neither a decoder of maps nor one of queries; queries join the last layers of the encoder.
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.queried_encoder_config import QueriedEncoderConfig


class EomtConfig(QueriedEncoderConfig):
    """Hyperparameters: see `QueriedEncoderConfig`.

    The MLP is `mlp_ratio` times as wide as the states; with `use_swiglu_ffn` it is gated, and two thirds of that, in whole
    eights.
    """

    model_type: ClassVar[str] = "eomt"

    mlp_ratio: Size = 4
    use_swiglu_ffn: bool = False


TASKS = {"universal-segmentation": "EomtForUniversalSegmentation"}

PREPROCESSORS = {"image_processor": "EomtImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["EomtPreTrainedModel", *TASKS.values()],
        "image_processor": ["EomtImageProcessor", "EomtImageProcessorFast", "EomtImageProcessorPil"],
    },
)

"""ViViT (Arnab et al. 2021, "ViViT: a video vision transformer"), the model whose attention joins space and time.

ViT over tubes of a film, with a learned position for each; frames and pixels of a tube stand in one field.

Paper: https://arxiv.org/abs/2103.15691
"""

from typing import ClassVar

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.film_config import FilmConfig, height_and_width
from ...modeling.patch_config import ImageEncoderConfig


class VivitConfig(ImageEncoderConfig, FilmConfig):
    """Hyperparameters; the defaults are ViViT-B's on 32 frames of 224 pixels.

    `tubelet_size` is how many frames deep, pixels high and pixels wide a tube is.
    """

    model_type: ClassVar[str] = "vivit"

    num_frames: Size = 32
    tubelet_size: tuple[Size, Size, Size] = (2, 16, 16)
    intermediate_size: Size = 3072
    hidden_act: str = "gelu_fast"
    layer_norm_eps: Rate = 1e-6
    qkv_bias: bool = True
    pooler_output_size: Size | None = None
    pooler_act: str = "tanh"

    def tube(self) -> tuple[int, int, int]:
        frames, height, width = self.tubelet_size
        return frames, height, width

    def film(self) -> tuple[int, int, int]:
        return self.num_frames, *height_and_width(self.image_size)

    def validate(self) -> None:
        super().validate()
        self.pooler_output_size = self.pooler_output_size or self.hidden_size


TASKS = {"base": "VivitModel", "video-classification": "VivitForVideoClassification"}

PREPROCESSORS = {"image_processor": "VivitImageProcessor", "video_processor": "VivitVideoProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["VivitPreTrainedModel", *TASKS.values()],
        "image_processor": ["VivitImageProcessor"],
        "video_processor": ["VivitVideoProcessor"],
    },
)

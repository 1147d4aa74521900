"""VideoMAE (Tong et al. 2022, "Masked autoencoders are data-efficient learners for self-supervised video pre-training").

ViT over tubes of a film, with positions that are sinusoids and without a class token: the mean of all tubes stands for the
film. In pre-training the encoder sees the few tubes that are not masked, and a small decoder paints the others.

Paper: https://arxiv.org/abs/2203.12602
"""

from typing import ClassVar

from ...core.kinds import Depth, Size
from ...core.plugins import lazy
from ...modeling.film_config import FilmConfig, height_and_width
from ...modeling.patch_config import PatchConfig


class VideoMAEConfig(PatchConfig, FilmConfig):
    """Hyperparameters; the defaults are VideoMAE-Base's for 16 frames of 224 pixels.

    A tube is `tubelet_size` frames deep. `qv_bias` says whether queries and values have a bias; keys have none. With
    `use_mean_pooling` the last norm stands behind the mean of all tubes, without it the first tube stands for the film. With
    `norm_pix_loss` each painted tube is compared with its own pixels brought to mean 0 and deviation 1.
    """

    model_type: ClassVar[str] = "videomae"

    intermediate_size: Size = 3072
    num_frames: Size = 16
    tubelet_size: Size = 2
    qv_bias: bool = True
    use_mean_pooling: bool = True
    decoder_num_attention_heads: Size = 6
    decoder_hidden_size: Size = 384
    decoder_num_hidden_layers: Depth = 4
    decoder_intermediate_size: Size = 1536
    norm_pix_loss: bool = True

    def tube(self) -> tuple[int, int, int]:
        return self.tubelet_size, *height_and_width(self.patch_size)

    def film(self) -> tuple[int, int, int]:
        return self.num_frames, *height_and_width(self.image_size)

    def validate(self) -> None:
        super().validate()
        self.divides("decoder_hidden_size", "decoder_num_attention_heads")


TASKS = {
    "base": "VideoMAEModel",
    "video-classification": "VideoMAEForVideoClassification",
    "pretraining": "VideoMAEForPreTraining",
}

PREPROCESSORS = {"image_processor": "VideoMAEImageProcessor", "video_processor": "VideoMAEVideoProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["VideoMAEPreTrainedModel", *TASKS.values()],
        "image_processor": ["VideoMAEImageProcessor", "VideoMAEImageProcessorPil", "VideoMAEFeatureExtractor"],
        "video_processor": ["VideoMAEVideoProcessor"],
    },
)

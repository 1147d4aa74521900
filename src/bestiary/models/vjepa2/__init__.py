"""V-JEPA 2 (Assran et al. 2025, "V-JEPA 2: self-supervised video models enable understanding, prediction and planning").

An encoder over tubes of a film, whose queries and keys turn by frame, row and column; a predictor that says the states of
tubes that it is not shown; and a classifier whose attention with a learned query makes one vector of all tubes.

Paper: https://arxiv.org/abs/2506.09985
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.film_config import FilmConfig


class VJEPA2Config(FilmConfig):
    """Hyperparameters; the defaults are those of ViT-L on 64 frames of 256 pixels.

    `crop_size` is the height and width of frames, whose grid of patches is what positions are counted in. The widths of MLPs
    are `mlp_ratio` times those of the states, in the predictor `pred_mlp_ratio`; what begins with `pred_` is the predictor's.
    """

    model_type: ClassVar[str] = "vjepa2"

    patch_size: Size = 16
    crop_size: Size = 256
    frames_per_clip: Size = 64
    tubelet_size: Size = 2
    hidden_size: Size = 1024
    in_chans: Size = 3
    num_attention_heads: Size = 16
    num_hidden_layers: Depth = 24
    drop_path_rate: Rate = 0.0
    mlp_ratio: Positive = 4.0
    layer_norm_eps: Rate = 1e-6
    qkv_bias: bool = True
    attention_probs_dropout_prob: Rate = 0.0
    hidden_act: str = "gelu"
    initializer_range: Amount = 0.02
    attention_dropout: Rate = 0.0
    num_pooler_layers: Depth = 3
    pred_hidden_size: Size = 384
    pred_num_attention_heads: Size = 12
    pred_num_hidden_layers: Depth = 12
    pred_num_mask_tokens: Size = 10
    pred_zero_init_mask_tokens: bool = True
    pred_mlp_ratio: Positive = 4.0

    def tube(self) -> tuple[int, int, int]:
        return self.tubelet_size, self.patch_size, self.patch_size

    def film(self) -> tuple[int, int, int]:
        return self.frames_per_clip, self.crop_size, self.crop_size

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        self.divides("pred_hidden_size", "pred_num_attention_heads")


TASKS = {"base": "VJEPA2Model", "video-classification": "VJEPA2ForVideoClassification"}

PREPROCESSORS = {"video_processor": "VJEPA2VideoProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["VJEPA2PreTrainedModel", *TASKS.values()],
        "video_processor": ["VJEPA2VideoProcessor"],
    },
)

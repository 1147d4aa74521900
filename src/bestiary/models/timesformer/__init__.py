"""TimeSformer (Bertasius et al. 2021, "Is space-time attention all you need for video understanding?").

ViT over the patches of every frame, whose blocks look first along the frames at the places of one patch, then at all patches of
one frame ("divided_space_time"). Two others of the paper's models look at all patches of all frames at once
("joint_space_time"), or at those of one frame alone ("space_only").

Paper: https://arxiv.org/abs/2102.05095
"""

from typing import ClassVar, Literal

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.patch_config import PatchEncoderConfig


class TimesformerConfig(PatchEncoderConfig):
    """Hyperparameters; the defaults are TimeSformer-Base's on 8 frames of 224 pixels."""

    model_type: ClassVar[str] = "timesformer"

    num_frames: Size = 8
    layer_norm_eps: Rate = 1e-6
    attention_type: Literal["divided_space_time", "space_only", "joint_space_time"] = "divided_space_time"
    drop_path_rate: Rate = 0


TASKS = {"base": "TimesformerModel", "video-classification": "TimesformerForVideoClassification"}

PREPROCESSORS = {"image_processor": "VideoMAEImageProcessor", "video_processor": "TimesformerVideoProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {"model": ["TimesformerPreTrainedModel", *TASKS.values()], "video_processor": ["TimesformerVideoProcessor"]},
)

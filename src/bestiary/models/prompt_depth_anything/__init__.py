"""Prompt Depth Anything (Lin et al. 2025, "Prompting Depth Anything for 4K resolution accurate metric depth estimation").

Depth Anything that may also see a coarse metric depth of the scene, such as a phone's laser scanner gives. Each step of the
fusion looks at it, scaled to 0..1; what is predicted has its range.

Paper: https://arxiv.org/abs/2412.14015
"""

from typing import ClassVar

from ...core.plugins import lazy
from ..depth_anything import DepthAnythingConfig


class PromptDepthAnythingConfig(DepthAnythingConfig):
    """Hyperparameters: see `DepthAnythingConfig`."""

    model_type: ClassVar[str] = "prompt_depth_anything"


TASKS = {"depth-estimation": "PromptDepthAnythingForDepthEstimation"}

PREPROCESSORS = {"image_processor": "PromptDepthAnythingImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["PromptDepthAnythingPreTrainedModel", *TASKS.values()],
        "image_processor": [
            "PromptDepthAnythingImageProcessor",
            "PromptDepthAnythingImageProcessorFast",
            "PromptDepthAnythingImageProcessorPil",
        ],
    },
)

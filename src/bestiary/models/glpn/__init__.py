"""GLPN (Kim et al. 2022, "Global-local path networks for monocular depth estimation with vertical CutDepth").

A Mix Transformer encoder (SegFormer's) and a decoder that enlarges its coarsest grid step by step; at each step attention over
two maps chooses, place by place, between what is global and what the finer grid says.

Paper: https://arxiv.org/abs/2201.07436
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Size
from ...core.plugins import lazy
from ...modeling.mix_transformer_config import MixTransformerConfig


class GLPNConfig(MixTransformerConfig):
    """Hyperparameters: see `MixTransformerConfig`. `decoder_hidden_size` is the width of the decoder, `max_depth` the largest
    depth in metres. `head_in_index` says which of the decoder's maps the head reads.
    """

    model_type: ClassVar[str] = "glpn"

    decoder_hidden_size: Size = 64
    max_depth: Amount = 10
    head_in_index: int = -1

    def validate(self) -> None:
        super().validate()
        if self.decoder_hidden_size % 2:
            raise ConfigError(f"GLPNConfig: decoder_hidden_size is {self.decoder_hidden_size}; expected an even width")
        if not -self.num_encoder_blocks <= self.head_in_index < self.num_encoder_blocks:
            raise ConfigError(
                f"GLPNConfig: head_in_index is {self.head_in_index}; the decoder has {self.num_encoder_blocks} maps"
            )


TASKS = {"base": "GLPNModel", "depth-estimation": "GLPNForDepthEstimation"}

PREPROCESSORS = {"image_processor": "GLPNImageProcessor"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["GLPNPreTrainedModel", *TASKS.values(), "GLPNLayer"],
        "image_processor": ["GLPNImageProcessor", "GLPNImageProcessorFast", "GLPNImageProcessorPil", "GLPNFeatureExtractor"],
    },
)

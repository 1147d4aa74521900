"""CvT (Wu et al. 2021, "CvT: introducing convolutions to vision transformers").

Differs from ViT: each of three stages begins with a convolution that makes the grid coarser and wider, queries, keys and values
come of convolutions, those of keys and values coarser, and there are no positions. The class token, if any, comes last.
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig

PER_STAGE = (
    "patch_sizes",
    "patch_stride",
    "patch_padding",
    "embed_dim",
    "num_heads",
    "depth",
    "mlp_ratio",
    "attention_drop_rate",
    "drop_rate",
    "drop_path_rate",
    "qkv_bias",
    "cls_token",
    "qkv_projection_method",
    "kernel_qkv",
    "padding_kv",
    "stride_kv",
    "padding_q",
    "stride_q",
)


class CvtConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of CvT-13. All fields but the channels of an image have one number a stage.

    `depth` are its blocks; `patch_sizes`, `patch_stride` and `patch_padding` those of its first convolution; `kernel_qkv` the
    width of the convolutions before queries, keys and values, of which `stride_q` and `stride_kv` make the grid coarser.
    `cls_token` says whether a stage has a class token. `layer_norm_eps` has no effect, as published: norms have torch's 1e-5.
    """

    model_type: ClassVar[str] = "cvt"

    num_channels: Size = 3
    patch_sizes: Sequence[Size] = (7, 3, 3)
    patch_stride: Sequence[Size] = (4, 2, 2)
    patch_padding: Sequence[Count] = (2, 1, 1)
    embed_dim: Sequence[Size] = (64, 192, 384)
    num_heads: Sequence[Size] = (1, 3, 6)
    depth: Sequence[Depth] = (1, 2, 10)
    mlp_ratio: Sequence[Positive] = (4.0, 4.0, 4.0)
    attention_drop_rate: Sequence[Rate] = (0.0, 0.0, 0.0)
    drop_rate: Sequence[Rate] = (0.0, 0.0, 0.0)
    drop_path_rate: Sequence[Rate] = (0.0, 0.0, 0.1)
    qkv_bias: Sequence[bool] = (True, True, True)
    cls_token: Sequence[bool] = (False, False, True)
    qkv_projection_method: Sequence[str] = ("dw_bn", "dw_bn", "dw_bn")
    kernel_qkv: Sequence[Size] = (3, 3, 3)
    padding_kv: Sequence[Count] = (1, 1, 1)
    stride_kv: Sequence[Size] = (2, 2, 2)
    padding_q: Sequence[Count] = (1, 1, 1)
    stride_q: Sequence[Size] = (1, 1, 1)
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12

    def validate(self) -> None:
        super().validate()
        for name in PER_STAGE:
            setattr(self, name, list(self.get(name)))
            if not self.depth or len(self.get(name)) < len(self.depth):
                raise ConfigError(f"CvtConfig: {name} {self.get(name)} needs one for each of depth {list(self.depth)}")
        for width, heads, method in zip(self.embed_dim, self.num_heads, self.qkv_projection_method, strict=False):
            if width % heads:
                raise ConfigError(f"CvtConfig: embed_dim has {width}, no multiple of its num_heads, {heads}")
            if method != "dw_bn":
                raise ConfigError(f"CvtConfig: qkv_projection_method has {method!r:.40}; expected 'dw_bn'")


TASKS = {"base": "CvtModel", "image-classification": "CvtForImageClassification"}

PREPROCESSORS = {"image_processor": "ConvNextImageProcessor"}

__getattr__, __dir__ = lazy(__name__, {"model": ["CvtPreTrainedModel", *TASKS.values()]})

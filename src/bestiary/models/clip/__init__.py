"""CLIP (Radford et al. 2021): a text encoder and an image encoder whose vectors of a matching pair point the same way.

The text encoder is causal and speaks through the state of its end token; the image encoder is a ViT with a norm before its
first block. Both are projected to one space, where a learned temperature scales their cosine similarities.

Paper: https://arxiv.org/abs/2103.00020
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.dual_config import DualConfig


class CLIPPartConfig(PreTrainedConfig):
    """What the two encoders have in common."""

    divided_at_once: ClassVar[tuple[str, ...]] = ("num_attention_heads",)

    projection_dim: Size = 512
    num_hidden_layers: Depth = 12
    hidden_act: str = "quick_gelu"
    layer_norm_eps: Rate = 1e-5
    attention_dropout: Rate = 0.0
    initializer_range: Amount = 0.02
    initializer_factor: Amount = 1.0

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")


class CLIPTextConfig(CLIPPartConfig):
    """Hyperparameters of the text encoder; the defaults are ViT-B/32's.

    An `eos_token_id` of 2 marks configs made before 2023, whose end token is the highest id instead.
    """

    model_type: ClassVar[str] = "clip_text_model"

    vocab_size: Length = 49408
    hidden_size: Size = 512
    intermediate_size: Size = 2048
    num_attention_heads: Size = 8
    max_position_embeddings: Length = 77
    pad_token_id: int | None = 1
    bos_token_id: int | None = 49406
    eos_token_id: int | list[int] | None = 49407

    def validate(self) -> None:
        super().validate()
        if self.eos_token_id is None:
            raise ConfigError("CLIPTextConfig: eos_token_id is None; a text's vector is the state of its end token")


class CLIPVisionConfig(CLIPPartConfig):
    """Hyperparameters of the image encoder; the defaults are ViT-B/32's."""

    model_type: ClassVar[str] = "clip_vision_model"

    hidden_size: Size = 768
    intermediate_size: Size = 3072
    num_attention_heads: Size = 12
    num_channels: Size = 3
    image_size: Size | tuple[Size, Size] = 224
    patch_size: Size | tuple[Size, Size] = 32


class CLIPConfig(DualConfig):
    """Both encoders, and the space where they meet."""

    model_type: ClassVar[str] = "clip"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "text_config": CLIPTextConfig,
        "vision_config": CLIPVisionConfig,
    }


TASKS = {
    "base": "CLIPModel",
    "zero-shot-image-classification": "CLIPModel",
    "image-classification": "CLIPForImageClassification",
}

# The encoders are model types of their own.
PARTS = {
    "clip_text_model": {
        "base": "CLIPTextModel",
        "text-encoding": "CLIPTextModel",
        "text-projection": "CLIPTextModelWithProjection",
    },
    "clip_vision_model": {"base": "CLIPVisionModel", "vision-projection": "CLIPVisionModelWithProjection"},
}

PREPROCESSORS = {"tokenizer": "CLIPTokenizer", "image_processor": "CLIPImageProcessor", "processor": "CLIPProcessor"}

_CLASSES = [name for table in (TASKS, *PARTS.values()) for name in table.values()]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["CLIPPreTrainedModel", *_CLASSES],
        "tokenizer": ["CLIPTokenizer", "CLIPTokenizerFast"],
        "image_processor": ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"],
        "processor": ["CLIPProcessor"],
    },
)

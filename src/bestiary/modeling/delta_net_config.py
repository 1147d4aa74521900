"""The hyperparameters of hybrids of attention and gated delta nets. Needs no torch."""

from typing import ClassVar

from ..core.kinds import Length, Size
from .decoder_config import DecoderConfig


class DeltaNetConfig(DecoderConfig):
    """Base of the configs of Qwen3-Next and Qwen 3.5.

    Layers of the kind "linear_attention" have `linear_num_key_heads` heads of queries and keys (`linear_key_head_dim` numbers),
    each for some of `linear_num_value_heads` heads of values, and a convolution that sees `linear_conv_kernel_dim` inputs.
    Without `layer_types`, each fourth layer (`full_attention_interval` of older files) has attention.
    """

    default_partial_rotary_factor: ClassVar[float | None] = 0.25

    num_attention_heads: Size = 16
    max_position_embeddings: Length = 32768
    head_dim: Size | None = 256
    attention_bias: bool = False
    linear_conv_kernel_dim: Size = 4
    linear_key_head_dim: Size = 128
    linear_value_head_dim: Size = 128
    linear_num_key_heads: Size = 16
    linear_num_value_heads: Size = 32
    layer_types: list[str] | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        interval = self.__dict__.pop("full_attention_interval", 4)
        if self.layer_types is None:
            self.layer_types = self.windows_but_every(interval, "linear_attention")
        super().validate()
        self.divides("linear_num_value_heads", "linear_num_key_heads")

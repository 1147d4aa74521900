"""The hyperparameters of Gemma 2 and its relatives, some of which bound their scores. Needs no torch."""

from typing import ClassVar

from ..core.kinds import Depth, Length, Positive, Size
from .decoder_config import DecoderConfig


class GemmaTextConfig(DecoderConfig):
    """Base of the configs of Gemma's text models from the second on; the defaults are Gemma 2 2B's."""

    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}

    vocab_size: Length = 256000
    hidden_size: Size = 2304
    intermediate_size: Size = 9216
    num_hidden_layers: Depth = 26
    num_attention_heads: Size = 8
    num_key_value_heads: Size | None = 4
    head_dim: Size | None = 256
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 8192
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    bos_token_id: int | None = 2
    tie_word_embeddings: bool = True
    attention_bias: bool = False


class BoundedConfig(GemmaTextConfig):
    """Base of the configs of Gemma 2 and of T5Gemma's halves.

    Scores are bounded by `attn_logit_softcapping`, logits by `final_logit_softcapping`. Layers 0, 2, ... have the window
    unless `layer_types` says it.
    """

    query_pre_attn_scalar: Positive = 256
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    final_logit_softcapping: Positive | None = 30.0
    attn_logit_softcapping: Positive | None = 50.0

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(2)

"""Gemma 2 (Gemma Team 2024): Gemma with a window in every other layer and bounds on scores and logits.

Differs from Gemma: norms before and behind each half of a block, the windows, the bounds, and scores divided by the root of a
number of their own (`query_pre_attn_scalar`).
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Positive, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Gemma2Config(DecoderConfig):
    """Hyperparameters; the defaults are Gemma 2 2B's. Layers 0, 2, ... have the window unless `layer_types` says it."""

    model_type: ClassVar[str] = "gemma2"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}

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
    query_pre_attn_scalar: Positive = 256
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    final_logit_softcapping: Positive | None = 30.0
    attn_logit_softcapping: Positive | None = 50.0
    use_bidirectional_attention: bool | None = None

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(2)


TASKS = {
    "base": "Gemma2Model",
    "causal-lm": "Gemma2ForCausalLM",
    "sequence-classification": "Gemma2ForSequenceClassification",
    "token-classification": "Gemma2ForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

NORM = Import("bestiary.nn.norm.ShiftedRMSNorm")
NORM_NAMES = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Gemma2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"kernels": ("eager", "flex_attention", "flash_attention_2")},  # sdpa cannot bound scores
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": {"norm_class": NORM, "norm_names": NORM_NAMES},
    },
)

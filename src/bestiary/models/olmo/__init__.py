"""OLMo (Groeneveld et al. 2024): Llama whose layer norms have neither weights nor biases.

Differs from Llama: these norms, and by config a bound on queries, keys and values (`clip_qkv`).

Paper: https://arxiv.org/abs/2402.00838
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Positive, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class OlmoConfig(DecoderConfig):
    """Hyperparameters; the defaults are OLMo 7B's."""

    model_type: ClassVar[str] = "olmo"
    rms_norm_eps: ClassVar[float] = 1e-5  # type: ignore[misc] # of its layer norms: a number of the paper, no field

    vocab_size: Length = 50304
    num_key_value_heads: Size | None = None
    attention_bias: bool = False
    clip_qkv: Positive | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = 50279
    pad_token_id: int | None = 1


TASKS = {
    "base": "OlmoModel",
    "causal-lm": "OlmoForCausalLM",
    "sequence-classification": "OlmoForSequenceClassification",
}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.WeightlessLayerNorm")

__getattr__, __dir__ = variant(
    __name__, OlmoConfig, TASKS, llama, {"DecoderLayer": {"norm_class": NORM}, "Model": {"norm_class": NORM}}
)

"""ERNIE 4.5 (Baidu ERNIE Team 2025), its dense model: Llama whose neighbouring numbers turn together.

Differs from Llama: interleaved rotary positions, one switch for all biases (`use_bias`), tied embeddings.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class Ernie4_5Config(DecoderConfig):
    """Hyperparameters; the defaults are ERNIE 4.5 0.3B's."""

    model_type: ClassVar[str] = "ernie4_5"
    internal_map: ClassVar[dict[str, str]] = {"attention_bias": "use_bias", "mlp_bias": "use_bias"}
    default_theta: ClassVar[float] = 500_000.0
    interleaved_rotary: ClassVar[bool] = True
    no_effect: ClassVar[frozenset[str]] = frozenset({"attention_dropout"})

    vocab_size: Length = 103424
    hidden_size: Size = 1024
    intermediate_size: Size = 3072
    num_hidden_layers: Depth = 18
    num_attention_heads: Size = 16
    num_key_value_heads: Size | None = 2
    head_dim: Size | None = 128
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    use_bias: bool | None = False


TASKS = {
    "base": "Ernie4_5Model",
    "causal-lm": "Ernie4_5ForCausalLM",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Ernie4_5Config,
    TASKS,
    llama,
    {},
)

"""Command R7B and Command A (Cohere 2024): Command R with windows in three of four layers, the only ones that turn.

Paper: https://arxiv.org/abs/2504.00698
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama
from ..cohere import CHANGES


class Cohere2Config(DecoderConfig):
    """Hyperparameters; older files say `sliding_window_pattern`: of so many layers the last has no window."""

    model_type: ClassVar[str] = "cohere2"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "layer_norm_eps"}
    interleaved_rotary: ClassVar[bool] = True
    published_angles: ClassVar[str] = "pairs"

    vocab_size: Length = 256000
    hidden_size: Size = 8192
    intermediate_size: Size = 22528
    logit_scale: Amount = 0.0625
    num_hidden_layers: Depth = 40
    num_attention_heads: Size = 64
    max_position_embeddings: Length = 8192
    layer_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    bos_token_id: int | None = 5
    eos_token_id: int | list[int] | None = 255001
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    head_dim: Size | None = None

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(self.__dict__.pop("sliding_window_pattern", 4))

    def has_rotary(self, layer_idx: int) -> bool:
        return self.layer_kinds()[layer_idx] == "sliding_attention"


TASKS = {
    "base": "Cohere2Model",
    "causal-lm": "Cohere2ForCausalLM",
}

PREPROCESSORS = {"tokenizer": "CohereTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, Cohere2Config, TASKS, llama, {**CHANGES, "Attention": {}})

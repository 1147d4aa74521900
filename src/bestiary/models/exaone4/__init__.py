"""EXAONE 4 (LG AI Research 2025): Llama with norms behind its halves only, and windows in three of four layers.

Differs from Llama: where the norms stand, normed queries and keys, the windows. Where there are windows, only layers that have
one turn with positions.

Paper: https://arxiv.org/abs/2507.11407
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Exaone4Config(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    `sliding_window_pattern` says which layers have no window: each so-many-th, or, in letters, each "G" of a pattern such as
    "LLLG", which is repeated, and the last layer.
    """

    model_type: ClassVar[str] = "exaone4"

    vocab_size: Length = 102400
    intermediate_size: Size = 16384
    num_key_value_heads: Size | None = 32
    rms_norm_eps: Rate = 1e-5
    bos_token_id: int | None = 0
    sliding_window: Length | None = 4096
    sliding_window_pattern: str | int | None = 4
    layer_types: list[str] | None = None

    def validate(self) -> None:
        if self.sliding_window is None:
            self.sliding_window_pattern = 0
        super().validate()

    def usual_layer_types(self) -> list[str]:
        pattern, count = self.sliding_window_pattern, self.num_hidden_layers
        if isinstance(pattern, str) and pattern:
            whole = {index for index in range(count) if pattern[index % len(pattern)] == "G"} | {count - 1}
            return ["full_attention" if index in whole else "sliding_attention" for index in range(count)]
        return self.windows_but_every(pattern if isinstance(pattern, int) and pattern > 0 else 1)

    def has_rotary(self, layer_idx: int) -> bool:
        return self.sliding_window is None or self.layer_kinds()[layer_idx] == "sliding_attention"


TASKS = {
    "base": "Exaone4Model",
    "causal-lm": "Exaone4ForCausalLM",
    "sequence-classification": "Exaone4ForSequenceClassification",
    "token-classification": "Exaone4ForTokenClassification",
    "question-answering": "Exaone4ForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Exaone4Config,
    TASKS,
    llama,
    {
        "Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm")},
        "DecoderLayer": {"norm_names": (None, "post_attention_layernorm", None, "post_feedforward_layernorm")},
    },
)

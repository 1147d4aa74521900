"""The text half of Gemma 3 (Gemma Team 2025), also by itself, as in its 1B and EmbeddingGemma (Vera et al. 2025).

Differs from Gemma 2: queries and keys are normed in place of bounded scores, five layers of six have the window, and these turn
slower than the sixth. EmbeddingGemma looks both ways (`use_bidirectional_attention`).

Paper: https://arxiv.org/abs/2503.19786
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Length, Positive
from ...modeling.bounded_config import GemmaTextConfig
from ...modeling.variant import Import, variant
from .. import llama


class Gemma3TextConfig(GemmaTextConfig):
    """Hyperparameters; the defaults are those of Gemma 3's code.

    Older files give the two rotary bases as `rope_theta` and `rope_local_base_freq`, the scaling of the layers without a window
    as `rope_scaling`, and the distance of these layers as `sliding_window_pattern`. Where the model looks both ways, a window
    of `sliding_window` tokens lies around each.
    """

    model_type: ClassVar[str] = "gemma3_text"
    attn_logit_softcapping: ClassVar[None] = None  # files hold it, and nothing reads it

    vocab_size: Length = 262208
    max_position_embeddings: Length = 131072
    query_pre_attn_scalar: Positive = 256
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    final_logit_softcapping: Positive | None = None
    use_bidirectional_attention: bool | None = False

    def validate(self) -> None:
        older = {name: self.__dict__.pop(name, None) for name in ("rope_theta", "rope_local_base_freq", "rope_scaling")}
        tables: dict[str, Any] = {"full_attention": {}, "sliding_attention": {}, **self.tables_of_kinds()}
        full, sliding = tables["full_attention"], tables["sliding_attention"]
        full = {"rope_theta": older["rope_theta"] or 1_000_000.0, **full, **(older["rope_scaling"] or {})}
        sliding = {"rope_theta": older["rope_local_base_freq"] or 10_000.0, **sliding}
        self.rope_parameters = {**tables, "full_attention": full, "sliding_attention": sliding}
        super().validate()

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(self.get("sliding_window_pattern", 6))


TASKS = {
    "base": "Gemma3TextModel",
    "causal-lm": "Gemma3ForCausalLM",
    "sequence-classification": "Gemma3TextForSequenceClassification",
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
    Gemma3TextConfig,
    TASKS,
    llama,
    {
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": {"norm_class": NORM, "norm_names": NORM_NAMES},
        "Attention": {"head_norm": NORM},
    },
)

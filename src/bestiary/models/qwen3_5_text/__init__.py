"""The text half of Qwen 3.5 (Qwen Team 2026): a hybrid of gated attention and gated delta nets with plain MLPs.

Differs from Qwen3-Next: no experts, and a projection of its own for each thing that the delta nets need.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Size
from ...modeling.delta_net_config import DeltaNetConfig
from ...modeling.variant import Import, variant
from .. import llama


class Qwen3_5TextConfig(DeltaNetConfig):
    """Hyperparameters; the defaults are those of the published code.

    A file's `mrope_section` says how positions in pictures turn a head; those of texts are the same in all sections.
    """

    model_type: ClassVar[str] = "qwen3_5_text"

    vocab_size: Length = 248320
    intermediate_size: Size = 12288
    num_key_value_heads: Size | None = 4


TASKS = {
    "base": "Qwen3_5TextModel",
    "causal-lm": "Qwen3_5ForCausalLM",
    "sequence-classification": "Qwen3_5TextForSequenceClassification",
}

PREPROCESSORS = {"tokenizer": "Qwen2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.ShiftedRMSNorm")

__getattr__, __dir__ = variant(
    __name__,
    Qwen3_5TextConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_keys_to_ignore_on_load_unexpected": [r"^mtp.*", r"^model\.visual.*"]},
        "Attention": Import("bestiary.models.llama.gated_attention.LlamaGatedAttention"),
        "DecoderLayer": {
            "state_class": Import("bestiary.modeling.delta_net.GatedDeltaNet"),
            "state_name": "linear_attn",
            "norm_class": NORM,
        },
        "Model": {"norm_class": NORM},
    },
)

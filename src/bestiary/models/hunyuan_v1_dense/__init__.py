"""Hunyuan 0.5B to 7B (Tencent 2025): Llama whose queries and keys are normed, head by head, after they turn.

Differs from Llama: these norms, and rotary bases that a fixed number (`alpha`) stretches.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class HunYuanDenseV1Config(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code. Rotary positions of type "dynamic" with an `alpha` do
    not change with the length of the text: their base is `rope_theta` times alpha^(K / (K - 2)).
    """

    model_type: ClassVar[str] = "hunyuan_v1_dense"

    vocab_size: Length = 290943
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    eod_token_id: int | None = 3
    attention_bias: bool = False
    head_dim: Size | None = None

    def validate(self) -> None:
        head_dim = self.head_dim
        super().validate()
        self.head_dim = head_dim  # files leave it out where it follows from the sizes

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        return {kind: self._with_alpha(table) for kind, table in super().rotary_tables.items()}

    def _with_alpha(self, table: dict[str, Any]) -> dict[str, Any]:
        if table["rope_type"] != "dynamic" or not table.get("alpha"):
            return table
        size = self.head_size
        return {"rope_type": "default", "rope_theta": table["rope_theta"] * table["alpha"] ** (size / (size - 2))}


TASKS = {
    "base": "HunYuanDenseV1Model",
    "causal-lm": "HunYuanDenseV1ForCausalLM",
    "sequence-classification": "HunYuanDenseV1ForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    HunYuanDenseV1Config,
    TASKS,
    llama,
    {
        "Attention": {
            "head_norm": Import("bestiary.nn.norm.RMSNorm"),
            "norms_turned": True,
            "norm_names": ("query_layernorm", "key_layernorm"),
        }
    },
)

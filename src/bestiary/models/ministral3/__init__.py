"""Ministral 3 3B, 8B and 14B (Mistral AI 2025): Mistral with YaRN, whose queries grow with their positions (Nakanishi 2025)."""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.rotary_config import QueryGrowth
from ...modeling.variant import variant
from .. import llama


class Ministral3Config(DecoderConfig):
    """Hyperparameters; the defaults are Ministral 3 8B's.

    Queries are multiplied by 1 + b log(1 + floor(position / length)), where b and the length are `llama_4_scaling_beta` and
    `original_max_position_embeddings` in `rope_parameters`.
    """

    model_type: ClassVar[str] = "ministral3"
    default_rope_parameters: ClassVar[dict[str, Any] | None] = {
        "rope_type": "yarn",
        "rope_theta": 1_000_000.0,
        "factor": 16.0,
        "original_max_position_embeddings": 16384,
        "max_position_embeddings": 262144,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "mscale_all_dim": 1.0,
        "mscale": 1.0,
        "llama_4_scaling_beta": 0.1,
    }

    vocab_size: Length = 131072
    intermediate_size: Size = 14336
    num_hidden_layers: Depth = 34
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 262144
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 11
    sliding_window: Length | None = None

    def query_growth(self, layer_idx: int) -> QueryGrowth | None:
        table = self.rope_parameters or {}
        strength, span = table.get("llama_4_scaling_beta"), table.get("original_max_position_embeddings")
        return QueryGrowth(strength, span or self.max_position_embeddings) if strength else None


TASKS = {
    "base": "Ministral3Model",
    "causal-lm": "Ministral3ForCausalLM",
    "sequence-classification": "Ministral3ForSequenceClassification",
    "token-classification": "Ministral3ForTokenClassification",
    "question-answering": "Ministral3ForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__, Ministral3Config, TASKS, llama, {"ForQuestionAnswering": {"base_model_prefix": "model"}}
)

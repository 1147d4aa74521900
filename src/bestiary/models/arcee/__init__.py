"""AFM of Arcee AI (2025): Llama whose MLP has no gate and squares what ReLU leaves."""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class ArceeConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published config."""

    model_type: ClassVar[str] = "arcee"

    hidden_size: Size = 2560
    intermediate_size: Size = 18432
    hidden_act: str = "relu2"
    max_position_embeddings: Length = 4096
    rms_norm_eps: Rate = 1e-5
    bos_token_id: int | None = 128000
    eos_token_id: int | list[int] | None = 128001
    attention_bias: bool = False
    mlp_bias: bool = False
    head_dim: Size | None = None


TASKS = {
    "base": "ArceeModel",
    "causal-lm": "ArceeForCausalLM",
    "sequence-classification": "ArceeForSequenceClassification",
    "token-classification": "ArceeForTokenClassification",
    "question-answering": "ArceeForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, ArceeConfig, TASKS, llama, {"MLP": {"gate_name": None}})

"""Qwen 3 (Qwen Team 2025): Llama with normed queries and keys."""

from typing import ClassVar

from bestiary.core.kinds import Length
from bestiary.modeling.decoder_config import DecoderConfig
from bestiary.modeling.variant import Import, variant
from bestiary.models import llama


class Qwen3Config(DecoderConfig):
    """Hyperparameters."""

    model_type: ClassVar[str] = "qwen3"

    attention_bias: bool = False
    sliding_window: Length | None = None
    layer_types: list[str] | None = None


TASKS = {"base": "Qwen3Model", "causal-lm": "Qwen3ForCausalLM", "question-answering": "Qwen3ForQuestionAnswering"}

__getattr__, __dir__ = variant(
    __name__, Qwen3Config, TASKS, llama, {"Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm")}}
)

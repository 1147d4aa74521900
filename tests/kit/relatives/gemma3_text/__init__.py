"""Gemma 3 (Gemma Team 2025), its text half: Gemma 2 with normed queries and keys, and a rotary table for each kind of layer."""

from typing import Any, ClassVar

from bestiary.modeling.variant import Import, variant
from bestiary.models import llama

from ..gemma2 import NORM, Gemma2Config


class Gemma3TextConfig(Gemma2Config):
    """Hyperparameters."""

    model_type: ClassVar[str] = "gemma3_text"

    rope_parameters: dict[str, Any] | None = None
    final_logit_softcapping: float | None = None
    attn_logit_softcapping: float | None = None


TASKS = {"base": "Gemma3TextModel", "causal-lm": "Gemma3TextForCausalLM"}

__getattr__, __dir__ = variant(
    __name__,
    Gemma3TextConfig,
    TASKS,
    llama,
    {
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": Import("kit.relatives.gemma2.model.Gemma2DecoderLayer"),
        "Attention": {"head_norm": NORM},
    },
)

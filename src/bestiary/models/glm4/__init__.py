"""GLM-4 of 2025 (GLM-4-0414): GLM with a second norm behind each half of a block, before it is added."""

from typing import TYPE_CHECKING, ClassVar

from ...modeling.variant import Changes, variant
from .. import glm, llama


class Glm4Config(glm.GlmConfig):
    """Hyperparameters; the defaults are GLM-4-9B-0414's."""

    model_type: ClassVar[str] = "glm4"


TASKS = {
    "base": "Glm4Model",
    "causal-lm": "Glm4ForCausalLM",
    "sequence-classification": "Glm4ForSequenceClassification",
    "token-classification": "Glm4ForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORMS = ("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")
CHANGES: Changes = {
    **glm.CHANGES,
    "DecoderLayer": {"norm_names": NORMS, "last_parts": ("post_self_attn_layernorm", "post_mlp_layernorm")},
}

__getattr__, __dir__ = variant(__name__, Glm4Config, TASKS, llama, CHANGES)

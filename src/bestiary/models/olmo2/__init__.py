"""OLMo 2 (OLMo Team 2024): Llama with its norms behind the halves of a block instead of before them.

Differs from Llama: x + norm(attention(x)), then x + norm(mlp(x)), and a norm over all heads of queries, and over all of keys.

Paper: https://arxiv.org/abs/2501.00656
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Changes, Import, variant
from .. import llama


class Olmo2Config(DecoderConfig):
    """Hyperparameters; the defaults are OLMo 2 7B's."""

    model_type: ClassVar[str] = "olmo2"

    vocab_size: Length = 50304
    rms_norm_eps: Rate = 1e-5
    attention_bias: bool = False
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = 50279
    pad_token_id: int | None = 1


TASKS = {
    "base": "Olmo2Model",
    "causal-lm": "Olmo2ForCausalLM",
    "sequence-classification": "Olmo2ForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("bestiary.nn.norm.FullPrecisionRMSNorm")
CHANGES: Changes = {
    "Attention": {"head_norm": NORM, "joint_norm": True},
    "DecoderLayer": {
        "norm_class": NORM,
        "norm_names": (None, "post_attention_layernorm", None, "post_feedforward_layernorm"),
    },
    "Model": {"norm_class": NORM},
}

__getattr__, __dir__ = variant(__name__, Olmo2Config, TASKS, llama, CHANGES)

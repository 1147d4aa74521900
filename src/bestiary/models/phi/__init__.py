"""Phi (Gunasekar et al. 2023; Li et al. 2023; phi-1, phi-1.5, phi-2): both halves of a block read one norm's states.

Differs from Llama: such parallel blocks, layer norms, biases everywhere, the head's too, an MLP without a gate, and half of
each head turning; by config a layer norm of queries and keys.

Paper: https://arxiv.org/abs/2306.11644
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import llama


class PhiConfig(DecoderConfig):
    """Hyperparameters; the defaults are phi-1's."""

    model_type: ClassVar[str] = "phi"
    internal_map: ClassVar[dict[str, str]] = {
        "rms_norm_eps": "layer_norm_eps",
        "residual_dropout": "resid_pdrop",
        "embedding_dropout": "embd_pdrop",
    }
    default_partial_rotary_factor: ClassVar[float | None] = 0.5

    vocab_size: Length = 51200
    hidden_size: Size = 2048
    intermediate_size: Size = 8192
    num_hidden_layers: Depth = 24
    hidden_act: str = "gelu_new"
    layer_norm_eps: Rate = 1e-5
    resid_pdrop: Rate = 0.0
    embd_pdrop: Rate = 0.0
    qk_layernorm: bool = False


TASKS = {
    "base": "PhiModel",
    "causal-lm": "PhiForCausalLM",
    "sequence-classification": "PhiForSequenceClassification",
    "token-classification": "PhiForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

NORM = Import("torch.nn.LayerNorm")

__getattr__, __dir__ = variant(
    __name__,
    PhiConfig,
    TASKS,
    llama,
    {
        "Attention": {"bias": True, "output_name": "dense", "head_norm": NORM, "norm_names": ("q_layernorm", "k_layernorm")},
        "MLP": {"bias": True, "gate_name": None, "up_name": "fc1", "down_name": "fc2"},
        "DecoderLayer": {
            "norm_class": NORM,
            "norm_names": ("input_layernorm", None, None, None),
            "parallel": True,
            "dropout_names": ("resid_dropout", "resid_dropout"),
        },
        "PreTrainedModel": {"stacks": {"": Stack("layers", final="final_layernorm")}},
        "Model": {"norm_class": NORM, "embedding_dropout_name": "embed_dropout"},
        "ForCausalLM": {"lm_head_bias": True},
    },
)

"""Phi-3 and Phi-4 mini (Abdin et al. 2024): Llama with queries, keys and values in one projection, gate and up in another.

Differs from Llama: these projections, a window, and positions stretched by LongRoPE; of Phi-4 mini only a part of each head
turns.

Paper: https://arxiv.org/abs/2404.14219
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Phi3Config(DecoderConfig):
    """Hyperparameters; the defaults are Phi-3 mini 4k's. `original_max_position_embeddings` is the length first trained with,
    up to which LongRoPE uses its `short_factor`.
    """

    model_type: ClassVar[str] = "phi3"
    internal_map: ClassVar[dict[str, str]] = {"residual_dropout": "resid_pdrop"}
    default_partial_rotary_factor: ClassVar[float | None] = 1.0

    vocab_size: Length = 32064
    hidden_size: Size = 3072
    intermediate_size: Size = 8192
    resid_pdrop: Rate = 0.0
    embd_pdrop: Rate = 0.0
    max_position_embeddings: Length = 4096
    original_max_position_embeddings: Length = 4096
    rms_norm_eps: Rate = 1e-5
    eos_token_id: int | list[int] | None = 32000
    pad_token_id: int | None = 32000
    sliding_window: Length | None = None

    def validate(self) -> None:
        table = self.rope_parameters or self.get("rope_scaling")
        if isinstance(table, dict):
            kind = table.get("rope_type", table.get("type"))
            if kind in ("su", "yarn", "longrope"):  # the three names that LongRoPE had in files
                table = {**table, "rope_type": "longrope"}
                table.setdefault("original_max_position_embeddings", self.original_max_position_embeddings)
            self.__dict__.pop("rope_scaling", None)
            self.rope_parameters = table
        super().validate()


TASKS = {
    "base": "Phi3Model",
    "causal-lm": "Phi3ForCausalLM",
    "sequence-classification": "Phi3ForSequenceClassification",
    "token-classification": "Phi3ForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Phi3Config,
    TASKS,
    llama,
    {
        "Attention": Import(".model.Phi3Attention"),
        "MLP": {"gate_name": "gate_up_proj", "up_name": None},
        "DecoderLayer": {"dropout_names": ("resid_attn_dropout", "resid_mlp_dropout")},
    },
)

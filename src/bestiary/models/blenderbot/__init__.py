"""Blenderbot (Roller et al. 2020): an encoder-decoder for conversations, with a deep decoder.

Differs from BART: norms before each half of a layer and one behind all, none behind
the embeddings; positions without spare rows.

Paper: https://arxiv.org/abs/2004.13637
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Size
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class BlenderbotConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of Blenderbot 3B."""

    model_type: ClassVar[str] = "blenderbot"

    vocab_size: Length = 8008
    max_position_embeddings: Length = 128
    encoder_layers: Depth = 2
    encoder_ffn_dim: Size = 10240
    encoder_attention_heads: Size = 32
    decoder_layers: Depth = 24
    decoder_ffn_dim: Size = 10240
    decoder_attention_heads: Size = 32
    d_model: Size = 2560
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 1
    encoder_no_repeat_ngram_size: int = 3
    forced_eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False


TASKS = {
    "base": "BlenderbotModel",
    "seq2seq-lm": "BlenderbotForConditionalGeneration",
    "causal-lm": "BlenderbotForCausalLM",
}

PREPROCESSORS = {"tokenizer": "BlenderbotTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import BlenderbotTokenizer, BlenderbotTokenizerFast  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    BlenderbotConfig,
    TASKS,
    bart,
    {
        **bart.NORMS_FIRST,
        "Half": {
            **bart.NORMS_FIRST["Half"],
            "norms_input": False,
            "first_row": 0,
            "positions_class": Import("bestiary.nn.embeddings.TextPositions"),
        },
        "Model": {"decoder_repeats_text": False},
    },
    {"tokenizer": ["BlenderbotTokenizer", "BlenderbotTokenizerFast"]},
)

"""M2M-100 (Fan et al. 2020) and NLLB (NLLB Team 2022): an encoder-decoder that translates between any two of its languages.

Differs from BART: sinusoids as positions, which nothing stores; norms before each half of a layer and one behind all, none
behind the embeddings; ReLU; logits without a bias.

Paper: https://arxiv.org/abs/2010.11125
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class M2M100Config(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of M2M-100 418M."""

    model_type: ClassVar[str] = "m2m_100"

    vocab_size: Length = 128112
    max_position_embeddings: Length = 1024
    encoder_layerdrop: Rate = 0.05
    decoder_layerdrop: Rate = 0.05
    activation_function: str = "relu"
    attention_dropout: Rate = 0.1
    scale_embedding: bool = True
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2


TASKS = {
    "base": "M2M100Model",
    "seq2seq-lm": "M2M100ForConditionalGeneration",
}

PREPROCESSORS = {"tokenizer": "M2M100Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .nllb_tokenizer import NllbTokenizer, NllbTokenizerFast  # noqa: F401
    from .tokenizer import M2M100Tokenizer  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    M2M100Config,
    TASKS,
    bart,
    {
        **bart.NORMS_FIRST,
        "Half": Import(".model.M2M100Half"),
        "Model": {"decoder_repeats_text": False},
        "ForConditionalGeneration": {"biases_logits": False, "starts": {}},
    },
    {"tokenizer": ["M2M100Tokenizer"], "nllb_tokenizer": ["NllbTokenizer", "NllbTokenizerFast"]},
)

"""Marian (Junczys-Dowmunt et al. 2018): encoder-decoders that translate between two languages, or a few (OPUS-MT).

Differs from BART: sinusoids as positions, none of which a checkpoint needs, and no norm behind the embeddings; source and
target may have vocabularies of their own.

Paper: https://arxiv.org/abs/1804.00344
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class MarianConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are the published ones. `decoder_vocab_size` counts (None: it is `vocab_size`) where
    `share_encoder_decoder_embeddings` is False."""

    model_type: ClassVar[str] = "marian"

    vocab_size: Length = 58101
    decoder_vocab_size: Length | None = None
    max_position_embeddings: Length = 1024
    share_encoder_decoder_embeddings: bool = True
    pad_token_id: int | None = 58100
    eos_token_id: int | list[int] | None = 0
    decoder_start_token_id: int | None = 58100
    forced_eos_token_id: int | list[int] | None = 0
    is_decoder: bool = False
    bos_token_id: int | None = None

    def validate(self) -> None:
        self.decoder_vocab_size = self.decoder_vocab_size or self.vocab_size
        super().validate()

    def vocabulary(self, decoder: bool) -> int:
        separate = decoder and not self.share_encoder_decoder_embeddings
        return self.decoder_vocab_size if separate and self.decoder_vocab_size else self.vocab_size


TASKS = {
    "base": "MarianModel",
    "seq2seq-lm": "MarianMTModel",
    "causal-lm": "MarianForCausalLM",
}

PREPROCESSORS = {"tokenizer": "MarianTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import MarianTokenizer  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    MarianConfig,
    TASKS,
    bart,
    {
        "PreTrainedModel": Import(".model.MarianPreTrainedModel"),
        "Half": {
            "norms_input": False,
            "first_row": 0,
            "positions_class": Import("bestiary.nn.embeddings.FixedPositions"),
        },
        "Model": Import(".model.MarianModel"),
        "MTModel": Import(".model.MarianMTModel"),
    },
    {"tokenizer": ["MarianTokenizer"]},
)

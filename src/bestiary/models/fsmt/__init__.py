"""FSMT (Ng et al. 2019, "Facebook FAIR's WMT19 news translation task submission"): encoder-decoders that translate one pair of
languages, or write German, English or Russian from each other.

Differs from BART: sinusoids as positions, no norm behind the embeddings, ReLU, scaled embeddings; source and target have a
vocabulary each; the layer of the logits belongs to the decoder, so that a model without a head gives logits, too.

Paper: https://arxiv.org/abs/1907.06616
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class FSMTConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are the published ones. `langs` are the source's and the target's language; `max_length`,
    `num_beams`, `length_penalty` and `early_stopping` are what `generate` does unless it is told otherwise."""

    model_type: ClassVar[str] = "fsmt"
    attribute_map: ClassVar[dict[str, str]] = {"vocab_size": "tgt_vocab_size"}

    langs: list[str] | tuple[str, ...] = ("en", "de")
    src_vocab_size: Length = 42024
    tgt_vocab_size: Length = 42024
    max_position_embeddings: Length = 1024
    activation_function: str = "relu"
    scale_embedding: bool = True
    tie_word_embeddings: bool = False
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2
    forced_eos_token_id: int | list[int] | None = 2
    max_length: int = 200
    num_beams: int = 5
    length_penalty: float = 1.0
    early_stopping: bool = False

    def vocabulary(self, decoder: bool) -> int:
        return self.tgt_vocab_size if decoder else self.src_vocab_size


TASKS = {
    "base": "FSMTModel",
    "seq2seq-lm": "FSMTForConditionalGeneration",
}

PREPROCESSORS = {"tokenizer": "FSMTTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import FSMTTokenizer  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    FSMTConfig,
    TASKS,
    bart,
    {
        "PreTrainedModel": Import(".model.PretrainedFSMTModel"),
        "Half": Import(".model.FSMTHalf"),
        "Decoder": Import(".model.FSMTDecoder"),
        "Model": Import(".model.FSMTModel"),
        "ForConditionalGeneration": Import(".model.FSMTForConditionalGeneration"),
    },
    {"model": ["PretrainedFSMTModel"], "tokenizer": ["FSMTTokenizer"]},
)

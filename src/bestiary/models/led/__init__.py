"""LED (Beltagy et al. 2020): BART for long texts, with Longformer's attention in the encoder.

Differs from BART: that attention, with `global_attention_mask`; halves know different numbers of positions, and use all rows of
their tables.

Paper: https://arxiv.org/abs/2004.05150
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class LEDConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of LED large.

    `attention_window`: how many neighbours a token of the encoder sees, on both sides together; one even number for all layers,
    or one for each. `scale_embedding` is of no effect, as published.
    """

    model_type: ClassVar[str] = "led"
    attribute_map: ClassVar[dict[str, str]] = {
        "attention_probs_dropout_prob": "attention_dropout",
        "initializer_range": "init_std",
    }

    vocab_size: Length = 50265
    max_encoder_position_embeddings: Length = 16384
    max_decoder_position_embeddings: Length = 1024
    attention_window: Size | list[Size] = 512
    classifier_dropout: Rate = 0.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2


TASKS = {
    "base": "LEDModel",
    "seq2seq-lm": "LEDForConditionalGeneration",
    "question-answering": "LEDForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LEDTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import LEDTokenizer, LEDTokenizerFast  # noqa: F401

_TIED = {f"led.{half}.embed_tokens.weight": "led.shared.weight" for half in ("encoder", "decoder")}

__getattr__, __dir__ = variant(
    __name__,
    LEDConfig,
    TASKS,
    bart,
    {
        "PreTrainedModel": {"base_model_prefix": "led", "scales_words": False},
        "Half": {"first_row": 0, "positions_class": Import("bestiary.nn.embeddings.TextPositions")},
        "EncoderLayer": Import(".model.LEDEncoderLayer"),
        "Encoder": Import(".model.LEDEncoder"),
        "Decoder": Import(".model.LEDDecoder"),
        "Model": Import(".model.LEDModel"),
        "Headed": {"_tied_weights_keys": _TIED},
        "ForConditionalGeneration": {
            "output_class": Import(".model.LEDSeq2SeqLMOutput"),
            "_tied_weights_keys": {**_TIED, "lm_head.weight": "led.shared.weight"},
        },
        "ForQuestionAnswering": {"output_class": Import(".model.LEDSeq2SeqQuestionAnsweringModelOutput")},
    },
    {"tokenizer": ["LEDTokenizer", "LEDTokenizerFast"]},
)

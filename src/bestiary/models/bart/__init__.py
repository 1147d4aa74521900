"""BART (Lewis et al. 2019): an encoder-decoder that learned to restore damaged text.

Differs from T5: learned positions, of which the first two rows of the table are never used; LayerNorms with biases behind each
sum and behind the embeddings; scaled scores; GELU without gates; logits with a bias that checkpoints store beside the model.

Paper: https://arxiv.org/abs/1910.13461
"""

from typing import Any

from ...core.kinds import Length, Rate
from ...core.plugins import lazy
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.stack import Stack


class BartConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of BART large. `scale_embedding` multiplies embedded words by sqrt(d_model)."""

    model_type = "bart"

    vocab_size: Length = 50265
    max_position_embeddings: Length = 1024
    classifier_dropout: Rate = 0.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2
    forced_eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False

    def validate(self) -> None:
        if self.id2label is None:
            self.num_labels = 3
        super().validate()


TASKS = {
    "base": "BartModel",
    "pretraining": "BartForConditionalGeneration",
    "masked-lm": "BartForConditionalGeneration",
    "seq2seq-lm": "BartForConditionalGeneration",
    "causal-lm": "BartForCausalLM",
    "sequence-classification": "BartForSequenceClassification",
    "question-answering": "BartForQuestionAnswering",
}

# For relatives: a norm before each half of a layer, and one behind all layers.
NORMED = {f"{half}_": Stack(f"{half}.layers", f"{half}.layer_norm") for half in ("encoder", "decoder")}
NORMS_FIRST: dict[str, dict[str, Any]] = {
    "PreTrainedModel": {"stacks": NORMED},
    "Half": {"stacks": {"": Stack("layers", "layer_norm")}},
    "ForCausalLM": {"stacks": {"": Stack("decoder.layers", "decoder.layer_norm")}},
    "EncoderLayer": {"norm_first": True},
    "DecoderLayer": {"norm_first": True},
}

PREPROCESSORS = {"tokenizer": "BartTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BartPreTrainedModel", "BartPretrainedModel", "PretrainedBartModel", *dict.fromkeys(TASKS.values())],
        "tokenizer": ["BartTokenizer", "BartTokenizerFast"],
        "table_tokenizer": ["TapexTokenizer"],
    },
)

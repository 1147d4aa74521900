"""BigBird-Pegasus (Zaheer et al. 2020): PEGASUS for long texts, whose encoder has BigBird's attention.

Differs from PEGASUS: that attention; learned positions; projections of attention have no biases (`use_bias`); the norm behind
all layers is called `layernorm_embedding`; a decoder without an input reads the encoder's text; alone it
ties no embeddings.

Paper: https://arxiv.org/abs/2007.14062
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.kinds import Count, Depth, Length, Rate, Size
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import bart


class BigBirdPegasusConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of BigBird-Pegasus large.

    `attention_type`: "original_full" for full attention everywhere; the decoder has that always. `block_size`: tokens in a
    block. `num_random_blocks`: how many random ones a block looks at in training. `use_bias`: of all projections of attention.
    """

    model_type: ClassVar[str] = "bigbird_pegasus"
    attribute_map: ClassVar[dict[str, str]] = {"attention_probs_dropout_prob": "attention_dropout"}

    vocab_size: Length = 96103
    max_position_embeddings: Length = 4096
    encoder_layers: Depth = 16
    decoder_layers: Depth = 16
    activation_function: str = "gelu_new"
    classifier_dropout: Rate = 0.0
    scale_embedding: bool = True
    attention_type: Literal["block_sparse", "original_full"] = "block_sparse"
    block_size: Size = 64
    num_random_blocks: Count = 3
    use_bias: bool = False
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int | None = 2
    is_decoder: bool = False


TASKS = {
    "base": "BigBirdPegasusModel",
    "seq2seq-lm": "BigBirdPegasusForConditionalGeneration",
    "causal-lm": "BigBirdPegasusForCausalLM",
    "sequence-classification": "BigBirdPegasusForSequenceClassification",
    "question-answering": "BigBirdPegasusForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "PegasusTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

_NORM = "layernorm_embedding"
_POSITIONS = Import("bestiary.nn.embeddings.TextPositions")
_STACKS = {f"{half}_": Stack(f"{half}.layers", f"{half}.{_NORM}") for half in ("encoder", "decoder")}

__getattr__, __dir__ = variant(
    __name__,
    BigBirdPegasusConfig,
    TASKS,
    bart,
    {
        **bart.NORMS_FIRST,
        "PreTrainedModel": {"stacks": _STACKS},
        "Half": {"stacks": {"": Stack("layers", _NORM)}, "norms_input": False, "first_row": 0, "positions_class": _POSITIONS},
        "EncoderLayer": Import(".model.BigBirdPegasusEncoderLayer"),
        "Encoder": Import(".model.BigBirdPegasusEncoder"),
        "ForCausalLM": {"stacks": {"": Stack("decoder.layers", f"decoder.{_NORM}")}, "_tied_weights_keys": {}},
    },
)

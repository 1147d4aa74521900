"""LongT5 (Guo et al. 2022): T5 v1.1 for long texts, whose encoder's tokens see their neighbours only, or these and summaries.

Differs from T5: the encoder's attention. With `transient-global` each token also sees one summary of every 16 tokens of the
text, which each layer makes anew of its own states. Memory and time grow with the length of a text, not with its square.

Paper: https://arxiv.org/abs/2112.07916
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.kinds import Count, Size
from ...modeling.variant import Import, variant
from .. import t5


class LongT5Config(t5.T5Config):
    """Hyperparameters; the defaults are T5 small's, as published.

    `local_radius`: how many tokens to either side a token sees. `global_block_size`: how many tokens a summary is made of.
    """

    model_type: ClassVar[str] = "longt5"

    local_radius: Count = 127
    global_block_size: Size = 16
    encoder_attention_type: Literal["local", "transient-global"] = "local"
    bos_token_id: int | None = None


TASKS = {
    "base": "LongT5Model",
    "seq2seq-lm": "LongT5ForConditionalGeneration",
    "encoding": "LongT5EncoderModel",
}

PREPROCESSORS = {"tokenizer": "T5Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    LongT5Config,
    TASKS,
    t5,
    {
        "PreTrainedModel": {"_keep_in_fp32_modules": [], "head_weights": None},
        "Block": Import(".model.LongT5Block"),
        "Encoder": Import(".model.LongT5Encoder"),
    },
)

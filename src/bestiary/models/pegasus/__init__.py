"""PEGASUS (Zhang et al. 2020): BART trained to write the sentences that a text has lost, and then to summarize.

Differs from BART: sinusoids as positions, norms before each half of a layer and one behind all, none behind the embeddings.

Paper: https://arxiv.org/abs/1912.08777
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class PegasusConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of PEGASUS large, but for the number of words, as published."""

    model_type: ClassVar[str] = "pegasus"

    vocab_size: Length = 50265
    max_position_embeddings: Length = 1024
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int | None = 0
    forced_eos_token_id: int | list[int] | None = 1
    is_decoder: bool = False


TASKS = {
    "base": "PegasusModel",
    "seq2seq-lm": "PegasusForConditionalGeneration",
    "causal-lm": "PegasusForCausalLM",
}

PREPROCESSORS = {"tokenizer": "PegasusTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import PegasusTokenizer, PegasusTokenizerFast  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    PegasusConfig,
    TASKS,
    bart,
    {
        **bart.NORMS_FIRST,
        "PreTrainedModel": {
            "stacks": bart.NORMED,
            "_keys_to_ignore_on_load_missing": [r"embed_positions\.weight$"],
        },
        "Half": {
            **bart.NORMS_FIRST["Half"],
            "norms_input": False,
            "first_row": 0,
            "positions_class": Import("bestiary.nn.embeddings.FixedPositions"),
        },
        "Model": {"decoder_repeats_text": False},
    },
    {"tokenizer": ["PegasusTokenizer", "PegasusTokenizerFast"]},
)

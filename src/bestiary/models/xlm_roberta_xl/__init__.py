"""XLM-RoBERTa-XL and XXL (Goyal et al. 2021): XLM-RoBERTa with 3.5 and 10.7 billion weights.

Differs from RoBERTa: norms stand before each half of a block and behind all of them, and there is none behind the embeddings;
texts are XLM-RoBERTa's sentencepiece unigrams.

Paper: https://arxiv.org/abs/2105.00572
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.encoder_config import OffsetPositionsConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import roberta


class XLMRobertaXLConfig(OffsetPositionsConfig):
    """Hyperparameters; the defaults are those of XLM-RoBERTa-XL."""

    model_type: ClassVar[str] = "xlm-roberta-xl"

    vocab_size: Length = 250880
    hidden_size: Size = 2560
    num_hidden_layers: Depth = 36
    num_attention_heads: Size = 32
    intermediate_size: Size = 10240
    max_position_embeddings: Length = 514
    type_vocab_size: Size = 1
    layer_norm_eps: Rate = 1e-5
    bos_token_id: int | None = 0
    pad_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True


TASKS = {
    "base": "XLMRobertaXLModel",
    "causal-lm": "XLMRobertaXLForCausalLM",
    "masked-lm": "XLMRobertaXLForMaskedLM",
    "sequence-classification": "XLMRobertaXLForSequenceClassification",
    "token-classification": "XLMRobertaXLForTokenClassification",
    "question-answering": "XLMRobertaXLForQuestionAnswering",
    "multiple-choice": "XLMRobertaXLForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "XLMRobertaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    XLMRobertaXLConfig,
    TASKS,
    roberta,
    {
        "PreTrainedModel": {"stacks": {"": Stack("encoder.layer", final="encoder.LayerNorm")}},
        "Embeddings": {"has_norm": False},
        "Layer": Import(".model.XLMRobertaXLLayer"),
        "Model": {"stack_class": Import(".model.XLMRobertaXLEncoder")},
        "ForTokenClassification": Import(".model.XLMRobertaXLForTokenClassification"),
    },
)

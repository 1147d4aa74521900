"""DeBERTa v2 and v3 (He et al. 2021): attention that looks at content and at distance by two matrices.

Differs from BERT: scores have a part from a token's content to another's distance, and one back; far distances share rows of
their table; the first layer may have a convolution beside it; words need no position of their own; there is no pooler.

Paper: https://arxiv.org/abs/2111.09543
"""

from typing import Annotated, ClassVar

from ...core.kinds import Count, Depth, Length, Range, Size
from ...core.plugins import lazy
from ...modeling.disentangled_config import DisentangledConfig


class DebertaV2Config(DisentangledConfig):
    """Hyperparameters; the defaults are those of DeBERTa v2 xlarge.

    `position_buckets` (-1: none) is how many rows distances share on either side; `norm_rel_ebd` "layer_norm" normalises these
    rows; `share_att_key` projects them as content is; `conv_kernel_size` (0: none) is for the convolution.
    """

    model_type: ClassVar[str] = "deberta-v2"

    vocab_size: Length = 128100
    hidden_size: Size = 1536
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 24
    intermediate_size: Size = 6144
    position_buckets: Annotated[int, Range(-1, 2**20)] = -1
    norm_rel_ebd: str = "none"
    share_att_key: bool = False
    conv_kernel_size: Count = 0
    conv_groups: Size = 1
    conv_act: str = "tanh"


TASKS = {
    "base": "DebertaV2Model",
    "pretraining": "DebertaV2ForMaskedLM",
    "masked-lm": "DebertaV2ForMaskedLM",
    "sequence-classification": "DebertaV2ForSequenceClassification",
    "token-classification": "DebertaV2ForTokenClassification",
    "question-answering": "DebertaV2ForQuestionAnswering",
    "multiple-choice": "DebertaV2ForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "DebertaV2Tokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DebertaV2PreTrainedModel", *TASKS.values()],
        "tokenizer": ["DebertaV2Tokenizer", "DebertaV2TokenizerFast"],
    },
)

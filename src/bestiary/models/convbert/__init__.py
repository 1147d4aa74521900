"""ConvBERT (Jiang et al. 2020): ELECTRA's generator, half of whose heads are convolutions that the text itself shapes.

Differs from ELECTRA: those heads, and MLPs that may be cut into groups. Tokens read their neighbours, padding too.

Paper: https://arxiv.org/abs/2008.02496
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Size
from ...modeling.encoder_config import EncoderConfig
from ...modeling.variant import Import, variant
from .. import electra


class ConvBertConfig(EncoderConfig):
    """Hyperparameters; the defaults are ConvBERT base's.

    Of `num_attention_heads` one in `head_ratio` is left, and as many convolve over `conv_kernel_size` tokens. `num_groups`: how
    many parts the MLP is cut into.
    """

    model_type: ClassVar[str] = "convbert"

    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    embedding_size: Size = 768
    head_ratio: Size = 2
    conv_kernel_size: Size = 9
    num_groups: Size = 1
    is_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        if self.conv_kernel_size % 2 == 0:
            raise ConfigError(f"conv_kernel_size is {self.conv_kernel_size}; expected an odd number, as many on either side")
        if self.hidden_size % (2 * self.attention_heads):
            raise ConfigError(
                f"hidden_size is {self.hidden_size}; expected a multiple of twice the {self.attention_heads} heads that"
                " num_attention_heads and head_ratio leave"
            )
        self.divides("hidden_size", "num_groups")
        self.divides("intermediate_size", "num_groups")

    @property
    def attention_heads(self) -> int:
        """H, how many heads attend, and as many convolve."""
        return max(1, self.num_attention_heads // self.head_ratio)


TASKS = {
    "base": "ConvBertModel",
    "masked-lm": "ConvBertForMaskedLM",
    "sequence-classification": "ConvBertForSequenceClassification",
    "token-classification": "ConvBertForTokenClassification",
    "question-answering": "ConvBertForQuestionAnswering",
    "multiple-choice": "ConvBertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "BertTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    ConvBertConfig,
    TASKS,
    electra,
    {
        "PreTrainedModel": {"base_model_prefix": "convbert", "head_weights": None},
        "Layer": Import(".model.ConvBertLayer"),
        "Model": Import(".model.ConvBertModel"),
        "LanguageHead": {"_tied_weights_keys": {"generator_lm_head.weight": "convbert.embeddings.word_embeddings.weight"}},
        "ForSequenceClassification": {"head_act": ""},
    },
    further={"model": ["ConvBertLayer"], "tokenizer": ["ConvBertTokenizer"]},
)

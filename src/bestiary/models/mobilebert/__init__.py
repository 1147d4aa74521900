"""MobileBERT (Sun et al. 2020): a deep and thin BERT, whose blocks work on states narrower than those between them.

Differs from BERT: each block is a bottleneck with several MLPs, tokens are embedded with their two neighbours (padding too),
most norms only scale and shift, and of the vocabulary head only the first columns are tied to the words.

Paper: https://arxiv.org/abs/2004.02984
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Depth, Rate, Size
from ...modeling.encoder_config import EncoderConfig
from ...modeling.variant import Import, variant
from .. import bert


class MobileBertConfig(EncoderConfig):
    """Hyperparameters; the defaults are MobileBERT's.

    `trigram_input`: tokens are embedded with their neighbours. `use_bottleneck`: blocks work on states of the width
    `intra_bottleneck_size`; then queries, keys and values are made of those (`use_bottleneck_attention`), or values of the full
    states and queries and keys of a bottleneck of their own (`key_query_shared_bottleneck`).
    """

    model_type: ClassVar[str] = "mobilebert"

    hidden_size: Size = 512
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 4
    intermediate_size: Size = 512
    hidden_act: str = "relu"
    hidden_dropout_prob: Rate = 0.0
    embedding_size: Size = 128
    trigram_input: bool = True
    use_bottleneck: bool = True
    intra_bottleneck_size: Size = 128
    use_bottleneck_attention: bool = False
    key_query_shared_bottleneck: bool = True
    num_feedforward_networks: Size = 4
    normalization_type: Literal["no_norm", "layer_norm"] = "no_norm"
    classifier_activation: bool = True
    tie_word_embeddings: bool = True

    @property
    def true_hidden_size(self) -> int:
        """The width of the states inside of a block."""
        return self.intra_bottleneck_size if self.use_bottleneck else self.hidden_size

    def validate(self) -> None:
        super().validate()
        inner = self.true_hidden_size
        if inner % self.num_attention_heads:
            raise ConfigError(
                f"MobileBertConfig: states inside of a block are {inner} wide (intra_bottleneck_size); expected a multiple of"
                f" num_attention_heads ({self.num_attention_heads})"
            )
        if inner != self.hidden_size and not (self.use_bottleneck_attention or self.key_query_shared_bottleneck):
            raise ConfigError(
                f"MobileBertConfig: queries and keys are {inner} wide (intra_bottleneck_size), and states {self.hidden_size}"
                " (hidden_size); expected the same, or key_query_shared_bottleneck or use_bottleneck_attention"
            )
        if self.embedding_size > self.hidden_size:
            raise ConfigError(
                f"MobileBertConfig: embedding_size is {self.embedding_size}; expected at most hidden_size, {self.hidden_size}"
            )


TASKS = {
    "base": "MobileBertModel",
    "pretraining": "MobileBertForPreTraining",
    "masked-lm": "MobileBertForMaskedLM",
    "next-sentence-prediction": "MobileBertForNextSentencePrediction",
    "sequence-classification": "MobileBertForSequenceClassification",
    "token-classification": "MobileBertForTokenClassification",
    "question-answering": "MobileBertForQuestionAnswering",
    "multiple-choice": "MobileBertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "MobileBertTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    MobileBertConfig,
    TASKS,
    bert,
    {
        "PreTrainedModel": {"base_model_prefix": "mobilebert"},
        "Embeddings": Import(".model.MobileBertEmbeddings"),
        "Layer": Import(".model.MobileBertLayer"),
        "Model": Import(".model.MobileBertModel"),
        "LanguageHead": Import(".model.MobileBertLanguageHead"),
    },
    further={
        "model": ["MobileBertLayer"],
        "tokenizer": ["MobileBertTokenizer", "MobileBertTokenizerFast"],
    },
)

"""The classes of ELECTRA; its layers are those of `modeling/encoder.py`. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ...modeling import encoder
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.language import LanguageHead
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import SummaryMultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.replaced_tokens import ReplacedTokens, ReplacedTokensOutput
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from . import ElectraConfig


class ElectraEmbeddings(encoder.EncoderEmbeddings):
    """norm(word + segment + position), narrower than the states."""


class ElectraLayer(encoder.EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""


class ElectraPreTrainedModel(encoder.EncoderPreTrainedModel):
    """What all ELECTRA classes share."""

    config_class = ElectraConfig
    base_model_prefix = "electra"
    _no_split_modules = ["ElectraEmbeddings", "ElectraLayer"]


class ElectraModel(ElectraPreTrainedModel, encoder.Encoder):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class = ElectraEmbeddings, ElectraLayer

    def __init__(self, config: ElectraConfig) -> None:
        super().__init__(config, add_pooling_layer=False)


@dataclass
class ElectraForPreTrainingOutput(ReplacedTokensOutput):
    """The published name of `ReplacedTokensOutput`."""


class ElectraForPreTraining(ReplacedTokens, ElectraPreTrainedModel):
    """ELECTRA's discriminator."""

    backbone_class = ElectraModel
    output_class = ElectraForPreTrainingOutput


class ElectraGeneratorPredictions(nn.Module):
    """norm(gelu(dense(x))), as wide as the embeddings."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.LayerNorm, self.activation = nn.LayerNorm(config.embedding_size, config.layer_norm_eps), F.gelu
        self.dense = nn.Linear(config.hidden_size, config.embedding_size)

    def forward(self, generator_hidden_states: Tensor) -> Tensor:
        """(..., D) -> (..., E)."""
        output: Tensor = self.LayerNorm(self.activation(self.dense(generator_hidden_states)))
        return output


class ElectraLanguageHead(LanguageHead, ElectraPreTrainedModel):
    """The generator's vocabulary head, tied to the words of ELECTRA."""

    backbone_class = ElectraModel
    head_name = "generator_lm_head"
    _tied_weights_keys = {"generator_lm_head.weight": "electra.embeddings.word_embeddings.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        self.generator_predictions = ElectraGeneratorPredictions(config)
        self.generator_lm_head = nn.Linear(config.get("embedding_size"), config.get("vocab_size"))

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.generator_lm_head(self.generator_predictions(hidden))
        return output


class ElectraForMaskedLM(MaskedLM, ElectraLanguageHead):
    """ELECTRA's generator, which fills in masked tokens."""


class ElectraForCausalLM(CausalLM, ElectraLanguageHead):
    """ELECTRA as a decoder that continues a text (`config.is_decoder`)."""


class ElectraForSequenceClassification(FirstTokenClassifier, ElectraPreTrainedModel):
    """ELECTRA that classifies a text or a pair of texts."""

    backbone_class = ElectraModel
    head_act = "gelu"


class ElectraForTokenClassification(TokenClassifier, ElectraPreTrainedModel):
    """ELECTRA that labels each token."""

    backbone_class = ElectraModel


class ElectraForQuestionAnswering(QuestionAnswering, ElectraPreTrainedModel):
    """ELECTRA that marks the answer to a question in a text."""

    backbone_class = ElectraModel


class ElectraForMultipleChoice(SummaryMultipleChoice, ElectraPreTrainedModel):
    """ELECTRA that chooses among several continuations."""

    backbone_class = ElectraModel

"""The classes of RoBERTa; its modules are those of `modeling/encoder.py`. Parameter names are the published ones."""

from ...modeling import encoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import DenseLanguageHead, DenseLMHead
from . import RobertaConfig


class RobertaEmbeddings(encoder.EncoderEmbeddings):
    """norm(word + segment + position)."""

    positions_last = True


class RobertaLayer(encoder.EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""


class RobertaPreTrainedModel(encoder.EncoderPreTrainedModel):
    """What all RoBERTa classes share."""

    config_class = RobertaConfig
    base_model_prefix = "roberta"
    _no_split_modules = ["RobertaEmbeddings", "RobertaLayer"]


class RobertaModel(RobertaPreTrainedModel, encoder.Encoder):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class = RobertaEmbeddings, RobertaLayer


class RobertaHeaded(WithoutPooler, RobertaPreTrainedModel):
    """A head that needs no pooled state."""

    backbone_class = RobertaModel


class RobertaLanguageHead(DenseLanguageHead, RobertaHeaded):
    """The vocabulary head, tied to the words of RoBERTa."""

    _tied_weights_keys = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }


class RobertaForMaskedLM(MaskedLM, RobertaLanguageHead):
    """RoBERTa that fills in masked tokens."""


class RobertaForCausalLM(CausalLM, RobertaLanguageHead):
    """RoBERTa as a decoder that continues a text (`config.is_decoder`)."""


class RobertaForSequenceClassification(FirstTokenClassifier, RobertaHeaded):
    """RoBERTa that classifies a text or a pair of texts."""


class RobertaForTokenClassification(TokenClassifier, RobertaHeaded):
    """RoBERTa that labels each token."""


class RobertaForQuestionAnswering(QuestionAnswering, RobertaHeaded):
    """RoBERTa that marks the answer to a question in a text."""


class RobertaForMultipleChoice(MultipleChoice, RobertaPreTrainedModel):
    """RoBERTa that chooses among several continuations."""

    backbone_class = RobertaModel


# Parts under the names that scripts import.
RobertaLMHead = DenseLMHead

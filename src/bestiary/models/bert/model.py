"""The classes of BERT; its modules are those of `modeling/encoder.py`. Parameter names are the published ones."""

from dataclasses import dataclass

from ...modeling import encoder
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.multiple_choice import MultipleChoice
from ...modeling.heads.next_sentence_prediction import NextSentence, NextSentenceHead
from ...modeling.heads.pretraining import PreTraining, PreTrainingHeads, PreTrainingOutput
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import (
    LMPredictionHead,
    PredictionHeadTransform,
    PredictionsHead,
    TransformedLanguageHead,
)
from . import BertConfig


class BertEmbeddings(encoder.EncoderEmbeddings):
    """norm(word + segment + position)."""


class BertLayer(encoder.EncoderLayer):
    """norm(x + attention(x)), perhaps norm(x + attention(x, memory)), then norm(x + mlp(x))."""


class BertPreTrainedModel(encoder.EncoderPreTrainedModel):
    """What all BERT classes share."""

    config_class = BertConfig
    base_model_prefix = "bert"
    _no_split_modules = ["BertEmbeddings", "BertLayer"]


class BertModel(BertPreTrainedModel, encoder.Encoder):
    """The encoder (or, with `config.is_decoder`, decoder) without a head."""

    embeddings_class, layer_class = BertEmbeddings, BertLayer


class BertLanguageHead(TransformedLanguageHead):
    """The vocabulary head, tied to the words of BERT."""

    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }


@dataclass
class BertForPreTrainingOutput(PreTrainingOutput):
    """The published name of `PreTrainingOutput`."""


class BertForPreTraining(BertLanguageHead, PreTraining, BertPreTrainedModel):
    """BERT with the two heads it is trained with."""

    backbone_class = BertModel
    output_class = BertForPreTrainingOutput


class BertForMaskedLM(BertLanguageHead, WithoutPooler, MaskedLM, BertPreTrainedModel):
    """BERT that fills in masked tokens."""

    backbone_class = BertModel
    _keys_to_ignore_on_load_unexpected = [
        *WithoutPooler._keys_to_ignore_on_load_unexpected,
        r"^cls\.seq_relationship\.",  # the first releases name this class but hold both heads
    ]


class BertLMHeadModel(BertLanguageHead, WithoutPooler, CausalLM, BertPreTrainedModel):
    """BERT as a decoder that continues a text (`config.is_decoder`)."""

    backbone_class = BertModel
    _keys_to_ignore_on_load_unexpected = BertForMaskedLM._keys_to_ignore_on_load_unexpected


class BertForNextSentencePrediction(NextSentence, BertPreTrainedModel):
    """BERT that says whether one text follows another."""

    backbone_class = BertModel


class BertForSequenceClassification(PooledClassifier, BertPreTrainedModel):
    """BERT that classifies a text or a pair of texts."""

    backbone_class = BertModel


class BertForTokenClassification(WithoutPooler, TokenClassifier, BertPreTrainedModel):
    """BERT that labels each token."""

    backbone_class = BertModel


class BertForQuestionAnswering(WithoutPooler, QuestionAnswering, BertPreTrainedModel):
    """BERT that marks the answer to a question in a text."""

    backbone_class = BertModel


class BertForMultipleChoice(MultipleChoice, BertPreTrainedModel):
    """BERT that chooses among several continuations."""

    backbone_class = BertModel


# Parts under the names that scripts import.
BertSelfAttention, BertAttention, BertEncoder = encoder.EncoderSelfAttention, encoder.EncoderAttention, encoder.EncoderStack
BertSelfOutput, BertPooler = encoder.EncoderSelfOutput, encoder.EncoderPooler
BertIntermediate, BertOutput = encoder.EncoderIntermediate, encoder.EncoderOutput
BertPredictionHeadTransform, BertLMPredictionHead = PredictionHeadTransform, LMPredictionHead
BertOnlyMLMHead, BertOnlyNSPHead, BertPreTrainingHeads = PredictionsHead, NextSentenceHead, PreTrainingHeads

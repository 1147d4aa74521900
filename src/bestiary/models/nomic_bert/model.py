"""The classes of Nomic Embed; its layers are those of `modeling/rotary_encoder.py`. Parameter names are the published ones."""

from ...modeling import rotary_encoder
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import LMPredictionHead, PredictionHeadTransform, TransformedLanguageHead
from . import NomicBertConfig
from .weights import RULES


class NomicBertEmbeddings(rotary_encoder.RotaryEncoderEmbeddings):
    """norm(word + segment)."""


class NomicBertAttention(rotary_encoder.RotaryEncoderAttention):
    """Attention of a text to itself, without biases."""

    bias = False


class NomicBertLayer(rotary_encoder.RotaryEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    attention_class = NomicBertAttention


class NomicBertPreTrainedModel(rotary_encoder.RotaryEncoderPreTrainedModel):
    """What all NomicBert classes share."""

    config_class = NomicBertConfig
    base_model_prefix = "nomic_bert"
    _no_split_modules = ["NomicBertEmbeddings", "NomicBertLayer"]
    _weight_rules = RULES


class NomicBertModel(NomicBertPreTrainedModel, rotary_encoder.RotaryEncoder):
    """The encoder without a head."""

    embeddings_class, layer_class = NomicBertEmbeddings, NomicBertLayer


class NomicBertPredictionHeadTransform(PredictionHeadTransform):
    """layer_norm(act(dense(x)))."""

    norm_name = "layer_norm"


class NomicBertLMPredictionHead(LMPredictionHead):
    """decoder(transform(x)): logits over the vocabulary."""

    transform_class = NomicBertPredictionHeadTransform


class NomicBertForMaskedLM(TransformedLanguageHead, MaskedLM, NomicBertPreTrainedModel):
    """NomicBert that fills in masked tokens."""

    backbone_class = NomicBertModel
    predictions_class = NomicBertLMPredictionHead
    _tied_weights_keys = {
        "cls.predictions.decoder.weight": "nomic_bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }


class NomicBertForSequenceClassification(PooledClassifier, NomicBertPreTrainedModel):
    """NomicBert that classifies a text or a pair of texts."""

    backbone_class = NomicBertModel
    backbone_options = {"add_pooling_layer": True}


class NomicBertForTokenClassification(TokenClassifier, NomicBertPreTrainedModel):
    """NomicBert that labels each token."""

    backbone_class = NomicBertModel

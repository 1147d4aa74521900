"""The classes of GTE; its layers are those of `modeling/rotary_encoder.py`. Parameter names are the published ones."""

from ...modeling import rotary_encoder
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.sequence_classification import PooledClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import DenseLanguageHead, DenseLMHead
from . import GteConfig
from .weights import RULES


class GteEmbeddings(rotary_encoder.RotaryEncoderEmbeddings):
    """norm(word + segment)."""


class GteMLP(rotary_encoder.GatedMLP):
    """down(act(gate(x)) * up(x)), where the last projection has a bias."""

    output_bias = drops = True


class GteLayer(rotary_encoder.RotaryEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    mlp_class = GteMLP


class GtePreTrainedModel(rotary_encoder.RotaryEncoderPreTrainedModel):
    """What all GTE classes share."""

    config_class = GteConfig
    base_model_prefix = "gte"
    _no_split_modules = ["GteEmbeddings", "GteLayer"]
    _weight_rules = RULES


class GteModel(GtePreTrainedModel, rotary_encoder.RotaryEncoder):
    """The encoder without a head."""

    embeddings_class, layer_class = GteEmbeddings, GteLayer


class GteLMHead(DenseLMHead):
    """decoder(norm(gelu(dense(x)))): logits over the vocabulary."""

    shows_bias = False


class GteForMaskedLM(DenseLanguageHead, MaskedLM, GtePreTrainedModel):
    """GTE that fills in masked tokens."""

    backbone_class = GteModel
    lm_head_class = GteLMHead
    _tied_weights_keys = {"lm_head.decoder.weight": "gte.embeddings.word_embeddings.weight"}


class GteForSequenceClassification(PooledClassifier, GtePreTrainedModel):
    """GTE that classifies a text or a pair of texts."""

    backbone_class = GteModel
    backbone_options = {"add_pooling_layer": True}


class GteForTokenClassification(TokenClassifier, GtePreTrainedModel):
    """GTE that labels each token."""

    backbone_class = GteModel

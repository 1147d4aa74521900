"""The classes of Jina Embeddings v3, on `modeling/rotary_encoder.py`. Parameter names are the published ones."""

from torch import Tensor, nn

from ...modeling import rotary_encoder
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.heads.transformed_language import DenseLanguageHead
from ...nn.activations import activation
from . import JinaEmbeddingsV3Config
from .weights import RULES


class JinaEmbeddingsV3Embeddings(rotary_encoder.RotaryEncoderEmbeddings):
    """norm(word + segment)."""


class JinaEmbeddingsV3MLP(nn.Module):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: JinaEmbeddingsV3Config) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2, self.activation_fn = nn.Linear(config.intermediate_size, config.hidden_size), activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        output: Tensor = self.fc2(self.activation_fn(self.fc1(hidden_states)))
        return output


class JinaEmbeddingsV3Layer(rotary_encoder.RotaryEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    mlp_class = JinaEmbeddingsV3MLP


class JinaEmbeddingsV3PreTrainedModel(rotary_encoder.RotaryEncoderPreTrainedModel):
    """What all classes of Jina Embeddings v3 share."""

    config_class = JinaEmbeddingsV3Config
    base_model_prefix = "roberta"
    last_parts = ("roberta",)
    _no_split_modules = ["JinaEmbeddingsV3Embeddings", "JinaEmbeddingsV3Layer"]
    _weight_rules = RULES


class JinaEmbeddingsV3Model(JinaEmbeddingsV3PreTrainedModel, rotary_encoder.RotaryEncoder):
    """The encoder without a head."""

    embeddings_class, layer_class = JinaEmbeddingsV3Embeddings, JinaEmbeddingsV3Layer

    def __init__(self, config: JinaEmbeddingsV3Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer)


class JinaEmbeddingsV3Headed(WithoutPooler, JinaEmbeddingsV3PreTrainedModel):
    """A head that needs no pooled state."""

    backbone_class = JinaEmbeddingsV3Model


class JinaEmbeddingsV3ForMaskedLM(DenseLanguageHead, MaskedLM, JinaEmbeddingsV3Headed):
    """The model that fills in masked tokens."""

    _tied_weights_keys = {
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    }


class JinaEmbeddingsV3ForSequenceClassification(FirstTokenClassifier, JinaEmbeddingsV3Headed):
    """The model that classifies a text or a pair of texts."""


class JinaEmbeddingsV3ForTokenClassification(TokenClassifier, JinaEmbeddingsV3Headed):
    """The model that labels each token."""


class JinaEmbeddingsV3ForQuestionAnswering(QuestionAnswering, JinaEmbeddingsV3Headed):
    """The model that marks the answer to a question in a text."""

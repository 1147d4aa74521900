"""Heads over the backbone of any registered config (`transformers.modeling_layers`), which models of others derive from.

`class MyForSequenceClassification(GenericForSequenceClassification, MyPreTrainedModel)` is all that a family writes: the
backbone is the class that `AutoModel` has for its config, under the name `base_model_prefix`.
"""

from ..auto import AutoModel
from ..modeling.base import PreTrainedModel
from ..modeling.config import PreTrainedConfig
from ..modeling.heads.headed import Headed
from ..modeling.heads.question_answering import QuestionAnswering
from ..modeling.heads.sequence_classification import LastTokenClassifier
from ..modeling.heads.token_classification import TokenClassifier

__all__ = ["GenericForQuestionAnswering", "GenericForSequenceClassification", "GenericForTokenClassification"]


class _OverAnyBackbone(Headed):
    """A head over the backbone of the config's type."""

    base_model_prefix = "model"

    def build_backbone(self, config: PreTrainedConfig) -> PreTrainedModel:
        backbone: PreTrainedModel = AutoModel.class_for(config)(config)
        return backbone


class GenericForSequenceClassification(_OverAnyBackbone, LastTokenClassifier):
    """Logits over labels (B, N) from the state of the last real token, by a linear layer `score`."""


class GenericForTokenClassification(_OverAnyBackbone, TokenClassifier):
    """Logits over labels for each token (B, T, N), by dropout and a linear layer `score`."""

    head_name = "score"


class GenericForQuestionAnswering(_OverAnyBackbone, QuestionAnswering):
    """Logits of the first and last token of an answer (B, T), by a linear layer `qa_outputs`."""

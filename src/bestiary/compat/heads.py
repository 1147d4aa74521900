"""Heads over the backbone of any registered config (`transformers.modeling_layers`), which models of others derive from.

`class MyForSequenceClassification(GenericForSequenceClassification, MyPreTrainedModel)` is all that a family writes: the
backbone is the class that `AutoModel` has for its config, under the name `base_model_prefix`.
"""

from contextvars import ContextVar
from typing import Any

from ..auto import AutoModel
from ..modeling.base import PreTrainedModel
from ..modeling.config import PreTrainedConfig
from ..modeling.heads.headed import Headed
from ..modeling.heads.question_answering import QuestionAnswering
from ..modeling.heads.sequence_classification import LastTokenClassifier
from ..modeling.heads.token_classification import TokenClassifier

__all__ = ["GenericForQuestionAnswering", "GenericForSequenceClassification", "GenericForTokenClassification"]


# What the call that runs asks a backbone for that collects hidden states and attentions by itself.
_ASKED_FOR: ContextVar[dict[str, Any] | None] = ContextVar("asked_for", default=None)


class _OverAnyBackbone(Headed):
    """A head over the backbone of the config's type, which may collect hidden states and attentions by itself."""

    base_model_prefix = "model"

    def build_backbone(self, config: PreTrainedConfig) -> PreTrainedModel:
        backbone: PreTrainedModel = AutoModel.class_for(config)(config)
        return backbone

    def run_backbone(self, *args: Any, **inputs: Any) -> Any:
        return super().run_backbone(*args, **inputs, **(_ASKED_FOR.get() or {}))

    def _call(
        self,
        run: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        flags = {"output_hidden_states": output_hidden_states, "output_attentions": output_attentions}
        collects = self.base_model._own_flags
        if not collects or _ASKED_FOR.get() is not None:
            return super()._call(run, args, kwargs, **flags, return_dict=return_dict)
        token = _ASKED_FOR.set({name: flag for name, flag in flags.items() if name in collects and flag is not None})
        try:
            return super()._call(run, args, kwargs, False, False, return_dict)
        finally:
            _ASKED_FOR.reset(token)


class GenericForSequenceClassification(_OverAnyBackbone, LastTokenClassifier):
    """Logits over labels (B, N) from the state of the last real token, by a linear layer `score`."""


class GenericForTokenClassification(_OverAnyBackbone, TokenClassifier):
    """Logits over labels for each token (B, T, N), by dropout and a linear layer `score`."""

    head_name = "score"


class GenericForQuestionAnswering(_OverAnyBackbone, QuestionAnswering):
    """Logits of the first and last token of an answer (B, T), by a linear layer `qa_outputs`."""

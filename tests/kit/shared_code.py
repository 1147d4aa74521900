"""Which code of a model is its family's own and which it shares: what was proven of shared code holds for every family."""

from collections.abc import Callable
from typing import Any

from bestiary.core.signatures import undecorated

from .families import Pair, cases, pair

SHARED_HEADS = [
    ("bart", "BartForConditionalGeneration"),
    ("bart", "BartForQuestionAnswering"),
    ("bart", "BartForSequenceClassification"),
    ("bert", "BertForMaskedLM"),
    ("bert", "BertForMultipleChoice"),
    ("bert", "BertForNextSentencePrediction"),
    ("bert", "BertForPreTraining"),
    ("bert", "BertForQuestionAnswering"),
    ("bert", "BertForSequenceClassification"),
    ("bert", "BertForTokenClassification"),
    ("deit", "DeiTForMaskedImageModeling"),
    ("detr", "DetrForObjectDetection"),
    ("detr", "DetrForSegmentation"),
    ("electra", "ElectraForMultipleChoice"),
    ("electra", "ElectraForPreTraining"),
    ("gpt2", "GPT2DoubleHeadsModel"),
    ("llama", "LlamaForCausalLM"),
    ("llama", "LlamaForSequenceClassification"),
    ("mixtral", "MixtralForCausalLM"),
    ("switch_transformers", "SwitchTransformersForConditionalGeneration"),
    ("time_series_transformer", "TimeSeriesTransformerForPrediction"),
    ("vit", "ViTForImageClassification"),
    ("vivit", "VivitForVideoClassification"),
    ("xlnet", "XLNetForQuestionAnswering"),
]
"""A family and class for every file of `modeling/heads` (`test_shared_heads.py` looks that none is missing)."""


def has_forward_of_its_own(models: Pair) -> bool:
    """Whether the family writes the forward of this class itself."""
    return undecorated(type(models.ours).forward).__module__.startswith(f"{_package(models)}.")


def relative(models: Pair) -> Pair | None:
    """The pair of another family's class that this class is made from, if there is one."""
    for kind in type(models.ours).__mro__:
        place, _, rest = kind.__module__.partition(".models.")
        model_type = rest.partition(".")[0]
        if place == "bestiary" and kind.__module__ != _package(models) and model_type in cases():
            if kind.__name__ in cases()[model_type].heads:
                return pair(model_type, kind.__name__)
    return None


def is_data_alone(models: Pair) -> bool:
    """Whether nothing but data tells the model from a relative's: no class in a file of the family, no other module in it."""
    kinds = {type(module) for module in models.ours.modules()}
    if any(parent.__module__.startswith(f"{_package(models)}.") for kind in kinds for parent in kind.__mro__):
        return False
    origin = relative(models)
    return origin is not None and _forwards(kinds) <= _forwards({type(module) for module in origin.ours.modules()})


def _package(models: Pair) -> str:
    return type(models.ours.config).__module__


def _forwards(kinds: set[type]) -> set[Callable[..., Any]]:
    """What the modules of these classes run, without the wrapper that shows a signature; torch's own are left out."""
    forwards = {undecorated(kind.forward) for kind in kinds}  # type: ignore[attr-defined]
    return {forward for forward in forwards if forward.__module__.startswith("bestiary.")}

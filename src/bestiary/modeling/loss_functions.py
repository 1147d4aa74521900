"""The losses of the heads under the published names and calls, by which a model's own may be replaced."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import InputError
from ..core.logging import warn_once
from ..nn.losses import IGNORE, causal_lm_loss, classification_loss, semantic_loss, span_loss, token_loss
from .realtime_losses import REALTIME_LOSSES
from .set_losses import SET_LOSSES


def fixed_cross_entropy(
    source: Tensor, target: Tensor, num_items_in_batch: Tensor | int | None = None, ignore_index: int = IGNORE, **kwargs: Any
) -> Tensor:
    """Cross entropy of (N, C) or (N, C, ...) against classes: the mean, or the sum over `num_items_in_batch`."""
    if num_items_in_batch is None:
        return F.cross_entropy(source, target, ignore_index=ignore_index)
    return F.cross_entropy(source, target, ignore_index=ignore_index, reduction="sum") / num_items_in_batch


def _over(logits: Tensor, classes: int) -> Tensor:
    """The logits, if they are over so many classes.

    Raises:
        InputError: they are not.
    """
    if logits.shape[-1] != classes:
        raise InputError(f"logits have shape {tuple(logits.shape)}; expected {classes} numbers (vocab_size) at the end")
    return logits


def _counted(labels: Tensor, ignore_index: int) -> Tensor:
    """The labels with the usual number where `ignore_index` stands."""
    return labels if ignore_index == IGNORE else labels.masked_fill(labels == ignore_index, IGNORE)


def ForCausalLMLoss(
    logits: Tensor,
    labels: Tensor,
    vocab_size: int,
    num_items_in_batch: Tensor | int | None = None,
    ignore_index: int = IGNORE,
    shift_labels: Tensor | None = None,
    **kwargs: Any,
) -> Tensor:
    """Next-token loss of logits (B, T, V) against labels (B, T), or against `shift_labels`, which are shifted already."""
    if shift_labels is not None:
        return ForMaskedLMLoss(logits, shift_labels, vocab_size, num_items_in_batch, ignore_index)
    return causal_lm_loss(_over(logits, vocab_size), _counted(labels, ignore_index), num_items_in_batch)


def ForMaskedLMLoss(
    logits: Tensor,
    labels: Tensor,
    vocab_size: int,
    num_items_in_batch: Tensor | int | None = None,
    ignore_index: int = IGNORE,
    **kwargs: Any,
) -> Tensor:
    """Loss of logits (B, T, V) against the labels (B, T) at the same place."""
    return token_loss(_over(logits, vocab_size), _counted(labels, ignore_index), num_items_in_batch)


def ForSequenceClassificationLoss(labels: Tensor, pooled_logits: Tensor, config: Any, **kwargs: Any) -> Tensor:
    """Loss of logits (B, N); the kind of problem is settled with the first labels, in `config.problem_type`."""
    loss, config.problem_type = classification_loss(pooled_logits, labels, config.problem_type)
    return loss


def ForTokenClassification(
    logits: Tensor,
    labels: Tensor,
    config: Any,
    num_items_in_batch: Tensor | int | None = None,
    ignore_index: int = IGNORE,
    **kwargs: Any,
) -> Tensor:
    """Loss of logits (B, T, N) against labels (B, T)."""
    return ForMaskedLMLoss(logits, labels, config.num_labels, num_items_in_batch, ignore_index)


def ForQuestionAnsweringLoss(
    start_logits: Tensor,
    end_logits: Tensor,
    start_positions: Tensor | None,
    end_positions: Tensor | None,
    **kwargs: Any,
) -> Tensor | None:
    """Loss of the first and last token of an answer (B,) in logits (B, T); None without them."""
    return span_loss(start_logits, end_logits, start_positions, end_positions)


def ForSemanticSegmentationLoss(
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = 255,
    num_items_in_batch: Tensor | int | None = None,
    auxiliary_logits: Tensor | None = None,
    auxiliary_loss_weight: float = 0.4,
    **kwargs: Any,
) -> Tensor:
    """Loss of logits (B, N, y, x), enlarged to the labels (B, Y, X), with a share of that of `auxiliary_logits`."""
    loss = semantic_loss(logits, labels, ignore_index, num_items_in_batch)
    if auxiliary_logits is None:
        return loss
    beside = ForSemanticSegmentationLoss(auxiliary_logits, labels, ignore_index, num_items_in_batch)
    return loss + auxiliary_loss_weight * beside


LOSS_MAPPING: dict[str, Callable[..., Any]] = {
    "ForCausalLM": ForCausalLMLoss,
    "ForConditionalGeneration": ForCausalLMLoss,
    "ForMaskedLM": ForMaskedLMLoss,
    "ForQuestionAnswering": ForQuestionAnsweringLoss,
    "ForTokenClassification": ForTokenClassification,
    **{f"For{kind}Classification": ForSequenceClassificationLoss for kind in ("Sequence", "Image", "Video", "Audio")},
    **SET_LOSSES,
    **REALTIME_LOSSES,
    "ForSemanticSegmentation": ForSemanticSegmentationLoss,
}


class LossMixin(nn.Module):
    """`model.loss_function`, what makes a loss of logits and labels; a function of one's own may be set in its place.

    It is called as the published one of the same task: see the functions of this file. Heads whose published form computes
    its loss by itself (encoder-decoders with a language head, multiple choice, pretraining, double heads) do not call it.

    Class attributes:
        loss_type: the key of `LOSS_MAPPING`; a class that says none takes the one in its name.
    """

    loss_type: ClassVar[str | None] = None
    _loss_function: Callable[..., Any] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.loss_type is None:  # models of others are named after their task
            task = re.search("|".join(LOSS_MAPPING), cls.__name__)
            cls.loss_type = None if task is None else task[0]

    @property
    def loss_function(self) -> Callable[..., Any]:
        """The function that was set, else that of `loss_type`; an unknown type is told once and taken for the causal one."""
        own = self._modules.get("loss_function") or self._loss_function  # torch puts what is a module among these
        if own is not None:
            return own
        kind = self.loss_type or "ForCausalLM"
        if kind not in LOSS_MAPPING:
            warn_once("loss-type", f"loss_type is {kind!r:.60}, for which there is no loss: that of a causal model is taken")
        return LOSS_MAPPING.get(kind, ForCausalLMLoss)

    @loss_function.setter
    def loss_function(self, value: Callable[..., Any]) -> None:
        self._loss_function = value

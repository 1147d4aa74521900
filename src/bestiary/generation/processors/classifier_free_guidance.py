"""Classifier-free guidance within one batch."""

from torch import Tensor

from ...core.errors import ConfigError, InputError
from ..processor import LogitsProcessor

__all__ = ["ClassifierFreeGuidanceLogitsProcessor"]


class ClassifierFreeGuidanceLogitsProcessor(LogitsProcessor):
    """Maps scores (2 B, V) of conditional rows, then unconditional ones, to u + guidance_scale (c - u), (B, V).

    https://arxiv.org/abs/2306.05284
    """

    def __init__(self, guidance_scale: float) -> None:
        if not guidance_scale > 1:
            raise ConfigError(f"guidance_scale is {guidance_scale!r}; guidance within a batch needs a number above 1")
        self.guidance_scale = guidance_scale

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        with_condition, without = halves(scores, input_ids)
        return without + (with_condition - without) * self.guidance_scale


def halves(scores: Tensor, input_ids: Tensor) -> tuple[Tensor, Tensor]:
    """The conditional and the unconditional half of `scores` (2 B, V) for rows `input_ids` (B, T).

    Raises:
        InputError: there are not twice as many rows of scores as of ids.
    """
    if scores.shape[0] != 2 * input_ids.shape[0]:
        raise InputError(
            f"guidance needs twice as many rows of scores as of input_ids; found {scores.shape[0]} and {input_ids.shape[0]}"
        )
    with_condition, without = scores.chunk(2)
    return with_condition, without

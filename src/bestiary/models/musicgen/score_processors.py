"""Classifier-free guidance within one batch."""

from torch import Tensor

from ...core.errors import ConfigError, InputError
from ...generation.processor import DeclaredProcessor


class ClassifierFreeGuidanceLogitsProcessor(DeclaredProcessor):
    """Maps scores (2 B, V) of conditional rows, then unconditional ones, to u + guidance_scale (c - u), (B, V).

    https://arxiv.org/abs/2306.05284
    """

    guidance_scale: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.guidance_scale > 1:
            raise ConfigError(f"guidance_scale is {self.guidance_scale!r}; guidance within a batch needs a number above 1")

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        with_condition, without = self.halves(scores, input_ids)
        return without + (with_condition - without) * self.guidance_scale

    def halves(self, scores: Tensor, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """The conditional and the unconditional half of `scores` (2 B, V) for rows `input_ids` (B, T).

        Raises:
            InputError: there are not twice as many rows of scores as of ids.
        """
        rows = input_ids.shape[0]
        if scores.shape[0] != 2 * rows:
            raise InputError(f"guidance needs twice as many rows of scores as of input_ids; found {scores.shape[0]} and {rows}")
        return scores[:rows], scores[rows:]

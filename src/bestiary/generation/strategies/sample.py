"""A token drawn from the distribution."""

from typing import TYPE_CHECKING

import torch

from ...core.errors import NumericsError
from . import Choice, Strategy, Tensor

if TYPE_CHECKING:
    from ..loop import Decoding

OPTIONS = ("do_sample",)


class Sample(Strategy):
    """Draws each token from the softmax of its row's scores, with one call to the generator per step."""

    def choose(self, run: "Decoding", scores: Tensor) -> Choice:
        probabilities = scores.softmax(-1)
        try:
            return Choice(torch.multinomial(probabilities, 1, generator=self.generator).squeeze(1))
        except RuntimeError as error:
            row = int(probabilities.isnan().any(-1).int().argmax())
            if not bool(probabilities[row].isnan().any()):
                raise
            banned = bool(scores[row].isneginf().all())
            cause = "every token is banned by the processors" if banned else "the scores hold NaN or infinity"
            raise NumericsError(f"row {row} has no token to draw after {run.length} tokens: {cause}") from error


STRATEGY = Sample

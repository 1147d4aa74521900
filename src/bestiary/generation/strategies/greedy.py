"""Always the best token."""

from typing import TYPE_CHECKING

from torch import Tensor

from ..highest import highest
from ..strategy import Choice, Strategy

if TYPE_CHECKING:
    from ..loop import Decoding

WHEN_DRAWING = "sample"


class Greedy(Strategy):
    """Takes the token with the highest score, the first of equals."""

    def choose(self, run: "Decoding", scores: Tensor) -> Choice:
        return Choice(highest(scores))


STRATEGY = Greedy

"""Always the best token."""

from typing import TYPE_CHECKING

from ..highest import highest
from . import Choice, Strategy, Tensor

if TYPE_CHECKING:
    from ..loop import Decoding

OPTIONS = ()


class Greedy(Strategy):
    """Takes the token with the highest score, the first of equals."""

    def choose(self, run: "Decoding", scores: Tensor) -> Choice:
        return Choice(highest(scores))


STRATEGY = Greedy

"""Always the best token."""

from torch import Tensor

from ...nn.highest import highest
from ..decoding import Decoding
from ..strategy import NextTokens, Strategy

WHEN_DRAWING = "sample"
MODE = "greedy_search"


class Greedy(Strategy):
    """Takes the token with the highest score, the first of equals."""

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        return NextTokens(highest(scores))


STRATEGY = Greedy

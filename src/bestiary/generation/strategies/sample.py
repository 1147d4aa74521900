"""A token drawn from the distribution."""

from typing import Any

import torch
from torch import Tensor

from ...core.errors import NumericsError
from ...nn.row_draws import RowStreams, pick, streams
from ..call import Call
from ..decoding import Decoding
from ..options import Option
from ..strategy import NextTokens, Strategy

OPTIONS = {"do_sample": Option(bool, default=False)}


class Sample(Strategy):
    """Draws each token from the softmax of its row's scores.

    Without seeds, with one call to the generator per step; with them, each row by its own stream of random numbers.
    """

    row_seeds = True
    streams: RowStreams | None = None

    def start(self, run: Decoding, call: Call) -> None:
        if call.seed is not None:
            self.streams = streams(call.seed, run.ids, self.rows(self.settings), run.ids.device)

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        probabilities = scores.softmax(-1)
        if self.streams is not None:
            return NextTokens(pick(probabilities, self.streams.next()))
        try:
            return NextTokens(torch.multinomial(probabilities, 1, generator=self.generator).squeeze(1))
        except RuntimeError as error:
            row = int(probabilities.isnan().any(-1).int().argmax())
            if not bool(probabilities[row].isnan().any()):
                raise
            banned = bool(scores[row].isneginf().all())
            cause = "every token is banned by the processors" if banned else "the scores hold NaN or infinity"
            raise NumericsError(f"row {row} has no token to draw after {run.length} tokens: {cause}") from error

    def extras(self, run: Decoding) -> dict[str, Any]:
        return {} if self.streams is None else {"seeds": self.streams.seeds}


STRATEGY = Sample

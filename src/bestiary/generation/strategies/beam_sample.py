"""Beams whose continuations are drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import ArgumentError, NumericsError
from ...nn.beams import Candidates, Pool
from ..call import Call
from ..decoding import Decoding
from .beam import Beam


class BeamSample(Beam):
    """As `Beam`, but the candidates of a step are drawn, without repetition, from the softmax of all totals of a prompt.

    Of those drawn, the best go on. Without seeds, one call to the generator per step; with them, each prompt has its own.
    """

    row_seeds = True
    _own: Sequence[torch.Generator] = ()

    def start(self, run: Decoding, call: Call) -> None:
        super().start(run, call)
        if call.seed is None:
            return
        prompts = len(self.pools[0].rows)
        seeds = [call.seed] * prompts if isinstance(call.seed, int) else list(call.seed)
        if len(seeds) != prompts:
            raise ArgumentError(f"seed holds {len(seeds)} numbers; beams take one, or one for each of {prompts} prompts")
        self._own = [torch.Generator(run.ids.device).manual_seed(seed % 2**64) for seed in seeds]

    def candidates(self, run: Decoding, pool: Pool, scores: Tensor) -> Candidates:
        batch, beams = pool.totals.shape
        totals = (scores.reshape(batch, beams, -1) + pool.totals.unsqueeze(2)).flatten(1)
        places = self._draw(totals.softmax(-1), min(self.count(run, pool), totals.shape[1]))
        vocabulary = scores.shape[1]
        return self.judged(run, pool, scores, totals.gather(1, places), places // vocabulary, places % vocabulary)

    def _draw(self, probabilities: Tensor, count: int) -> Tensor:
        """`count` different places (B, count) of each row (B, P)."""
        try:
            if not self._own:
                return torch.multinomial(probabilities, count, generator=self.generator)
            rows = zip(probabilities, self._own, strict=True)
            return torch.stack([torch.multinomial(row, count, generator=generator) for row, generator in rows])
        except RuntimeError as error:
            broken = probabilities.amax(-1).isnan()
            if not bool(broken.any()):
                raise
            prompt = int(broken.int().argmax())
            raise NumericsError(f"prompt {prompt} has no token to draw: the scores of its beams hold NaN") from error


STRATEGY = BeamSample

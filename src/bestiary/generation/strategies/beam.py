"""The best of several beams (beam search, https://arxiv.org/abs/1702.01806 and older)."""

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from ...core.errors import NumericsError
from ...core.kinds import Natural
from ...nn.beams import Candidates, History, Pool, Rules
from ..call import Call
from ..config import GenerationConfig
from ..decoding import Decoding
from ..options import Option
from ..outputs import GenerateBeamDecoderOnlyOutput, GenerateBeamEncoderDecoderOutput
from ..strategy import NextTokens, Strategy

OPTIONS = {
    "num_beams": Option(Natural, default=1),
    "length_penalty": Option(float, default=1.0, needs=("num_beams",)),
    "early_stopping": Option(bool | Literal["never"], default=False, needs=("num_beams",)),
}
CHOSEN_BY = ("num_beams",)
WHEN_DRAWING = "beam_sample"
MODE = "beam_search"


class Beam(Strategy):
    """Keeps, for each prompt, the `num_beams` continuations with the greatest sum of log probabilities.

    An ended one counts as its sum over its length (new tokens) to the power of `length_penalty`. The search of a prompt is
    over when `num_beams` have ended and none of the others is taken to get better: at once with `early_stopping=True`; by
    what the best of them has now, with False; by what it could have at the greatest length, with "never".
    """

    outputs = (GenerateBeamDecoderOnlyOutput, GenerateBeamEncoderDecoderOutput)
    final = False
    open_ends: ClassVar[bool] = False
    tiers: ClassVar[int] = 1

    def __init__(self, settings: GenerationConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(settings, generator)
        self.beams: int = settings.effective("num_beams")
        self.returned: int = settings.effective("num_return_sequences")
        self.pools: list[Pool] = []
        self.history = History()
        self.prompt = 0
        self._rows = torch.empty(0)
        self._best_rows: BestRows | None = None
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def rows(cls, settings: GenerationConfig) -> int:
        return int(settings.effective("num_beams"))

    def start(self, run: Decoding, call: Call) -> None:
        super().start(run, call)
        settings = self.settings
        self.prompt = run.length
        self._ends = len(run.finish.eos)
        self._rows = torch.arange(run.ids.shape[0], device=run.ids.device)
        rules = Rules(
            float(settings.effective("length_penalty")),
            settings.effective("early_stopping"),
            run.finish.max_length - run.length,
            run.finish.cut,
            self.open_ends,
        )
        groups = settings.effective("num_beam_groups")
        shared = self._rows.reshape(-1, groups, self.beams // groups)
        self.pools = [Pool(rules, rows, self.tiers) for rows in shared.unbind(1)]

    def score(self, run: Decoding, logits: Tensor) -> Tensor:
        """Log probabilities (R, V) after the processors."""
        return run.process(logits.float().log_softmax(-1))

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        return self.go_on([self.extend(run, pool, scores) for pool in self.pools])

    def go_on(self, going: list[Candidates]) -> NextTokens:
        """The choice that makes the beams of each pool what `going` holds for it."""
        parents = torch.stack([pool.rows.gather(1, one.beams) for pool, one in zip(self.pools, going, strict=True)], dim=1)
        tokens, parents = torch.stack([one.tokens for one in going], dim=1).flatten(), parents.flatten()
        self.history.add(tokens, parents)
        # A look at the device costs more there than moving a few slots of the cache for nothing.
        still = parents.device.type == "cpu" and torch.equal(parents, self._rows)
        return NextTokens(tokens, None if still else parents)

    def extend(self, run: Decoding, pool: Pool, scores: Tensor) -> Candidates:
        """One step of `pool`, given the processed scores (B * k, V) of its rows; returns what its beams become."""
        return pool.advance(self.candidates(run, pool, scores), len(self.history))

    def candidates(self, run: Decoding, pool: Pool, scores: Tensor) -> Candidates:
        """The continuations to choose from, given `scores` (B * k, V) of the pool's own rows."""
        batch, beams = pool.totals.shape
        # Row by row first: one long row is slow to search.
        best, tokens = scores.topk(min(self.count(run, pool), scores.shape[1]))
        totals = (best.reshape(batch, beams, -1) + pool.totals.unsqueeze(2)).flatten(1)
        totals, places = totals.topk(min(self.count(run, pool), totals.shape[1]))
        return self.judged(run, pool, scores, totals, places // tokens.shape[1], tokens.reshape(batch, -1).gather(1, places))

    def count(self, run: Decoding, pool: Pool) -> int:
        """Candidates to look at: so many that all beams go on, whatever ends the others."""
        return max(2, 1 + self._ends) * pool.totals.shape[1]

    def judged(self, run: Decoding, pool: Pool, scores: Tensor, totals: Tensor, beams: Tensor, tokens: Tensor) -> Candidates:
        """Candidates (B, C) with what ends each of them; `scores` (B * k, V) of the pool's own rows."""

        def rows() -> tuple[Tensor, Tensor]:
            parents = run.ids[pool.rows.gather(1, beams).flatten()]
            places = (beams + torch.arange(len(beams), device=beams.device).unsqueeze(1) * pool.totals.shape[1]).flatten()
            return torch.cat([parents, tokens.reshape(-1, 1)], dim=1), scores[places]

        return Candidates(totals, beams, tokens, run.finish.judge(tokens, rows).long())

    def settle(self, run: Decoding, scores: Tensor) -> None:
        run.finish.settle(torch.stack([pool.alive() for pool in self.pools], dim=1).flatten())

    def _results(self, run: Decoding) -> "BestRows":
        """The n rows to return for each prompt, the best first."""
        if self._best_rows is None:
            for pool in self.pools:
                pool.end(self.unfinished(run, pool), len(self.history) - 1)
            scores, notes = self._ended()
            if bool(scores[:, 0].isneginf().any()):
                raise NumericsError("there is nothing to return for a prompt: every continuation of its beams is banned")
            scores, best = scores[:, : self.returned], self._rows[: self.returned].expand(len(scores), -1)
            # Where fewer continuations are allowed than rows are asked for, the best one is repeated.
            best = torch.where(scores.isneginf(), best[:, :1], best)
            scores = torch.where(scores.isneginf(), scores[:, :1], scores)
            notes = notes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4)).flatten(0, 1)
            self._best_rows = BestRows(scores.flatten(), notes, *self.history.trace(notes, run.finish.pad))
        return self._best_rows

    def _ended(self) -> tuple[Tensor, Tensor]:
        """Scores (B, num_beams) and notes (B, num_beams, 4) of the ended beams of all pools, in the order of return."""
        bests = [pool.best() for pool in self.pools]
        if len(bests) == 1:
            return bests[0]
        scores, notes = (torch.cat(parts, dim=1) for parts in zip(*bests, strict=True))
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        return scores, notes.gather(1, order.unsqueeze(-1).expand(-1, -1, 4))

    def unfinished(self, run: Decoding, pool: Pool) -> Candidates:
        """The beams that go on, as if they had been cancelled in the last step."""
        tokens, parents = (values[pool.rows] for values in self.history.newest())
        codes = torch.full_like(tokens, run.finish.cancelled)
        return Candidates(pool.totals, parents - pool.rows[:, :1], tokens, codes)

    def sequences(self, run: Decoding) -> Tensor:
        tokens = self._results(run).tokens
        prompts = run.ids[:: self.beams, : self.prompt].repeat_interleave(self.returned, dim=0)
        return torch.cat([prompts, tokens], dim=1)

    def reasons(self, run: Decoding) -> list[str]:
        return run.finish.names(self._results(run).notes[:, 3])

    def extras(self, run: Decoding) -> dict[str, Any]:
        results = self._results(run)
        return {"beam_indices": results.rows} | ({"sequences_scores": results.scores} if self.settings.output_scores else {})

    def leave_cache(self, run: Decoding, sequences: Tensor) -> None:
        """A new cache stays that of all beams. The caller's becomes that of the rows to return: it takes those of beams that
        went on from the same tokens; where a row has none, the model sees its tokens again."""
        cache = run.cache
        if cache is None or not run.prompt.continued:
            return
        first = self._rows[:: self.beams].repeat_interleave(self.returned)
        ids = sequences[:, :-1]
        beams = run.ids[:, : ids.shape[1]].reshape(-1, self.beams, ids.shape[1]).repeat_interleave(self.returned, dim=0)
        lengths = self.prompt + self._results(run).notes[:, :1]  # but for the last token
        after = torch.arange(ids.shape[1], device=ids.device) >= lengths
        same = ((beams == ids.unsqueeze(1)) | after.unsqueeze(1)).all(2)
        if bool(same.any(1).all()) and run.can_rewind(ids.shape[1]):
            run.rewind(ids.shape[1])
            cache.batch_select_indices(first + same.int().argmax(1))
        else:
            run.restart(first, ids)

    def agreed(self, run: Decoding) -> tuple[Tensor, Tensor]:
        """What is certain by now: ids (B, T), prompt included, and how many of each row (B,) can no longer change.

        Certain is what the best ended beam and all beams that go on have in common; for a prompt whose search is over, the
        whole answer. The ids after that are a guess. For one returned row per prompt; the numbers of a row never fall.
        """
        rows = run.ids.reshape(-1, self.beams, run.length)
        alive = torch.cat([pool.alive() for pool in self.pools], dim=1)
        scores, notes = self._ended()
        ended, lengths = self._ended_rows(run, notes[:, 0])
        none, over = scores[:, :1].isneginf(), ~alive.any(1, keepdim=True)
        first = rows.gather(1, alive.int().argmax(1).reshape(-1, 1, 1).expand(-1, 1, run.length)).squeeze(1)
        ids = torch.where(over, ended, first)
        same = ((rows == ids.unsqueeze(1)) | ~alive.unsqueeze(2)).all(1) & ((ended == ids) | none)
        return ids, torch.where(over.squeeze(1), lengths, same.cumprod(1).sum(1))

    def _ended_rows(self, run: Decoding, notes: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, T) of ended beams, filled up with -1, and how many there are (B,); looked up once for the same `notes`."""
        if self._seen is None or not torch.equal(notes, self._seen[0]):
            tokens, rows = self.history.trace(notes, -1)
            ids = torch.cat([run.ids[:: self.beams, : self.prompt], tokens], dim=1)
            self._seen = notes, ids, self.prompt + (rows >= 0).sum(1)
        _, ids, lengths = self._seen
        return torch.nn.functional.pad(ids, (0, run.length - ids.shape[1]), value=-1), lengths


class BestRows(NamedTuple):
    """N rows: their scores (N,), notes (N, 4), new tokens (N, T), and the row of the model (N, T) each was chosen in."""

    scores: Tensor
    notes: Tensor
    tokens: Tensor
    rows: Tensor


STRATEGY = Beam

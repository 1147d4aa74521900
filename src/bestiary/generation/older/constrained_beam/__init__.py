"""Beams that must write given words (dynamic beam allocation, https://arxiv.org/abs/1804.06609)."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ....core.errors import ConfigError
from ....core.logging import warn_once
from ....nn.beams import EOS, Candidates, Pool
from ...call import Call
from ...config import GenerationConfig
from ...decoding import Decoding
from ...options import Option
from ...strategies.beam import Beam, BestRows
from .constraints import ConstraintListState, check_room, check_tokens, constraints_of, round_robin

OPTIONS = {"constraints": Option(Any), "force_words_ids": Option(Any)}
CHOSEN_BY = ("constraints", "force_words_ids")
REPLACES = ("beam", "group_beam")
MODE = "constrained_beam_search"

# Which rows are returned first: those that meet all constraints, those that were cut off before, those that ended before.
_MET, _CUT, _ENDED = range(3)


class ConstrainedBeam(Beam):
    """Beams that end only when all `constraints` are met (`force_words_ids` is short for them). The prompt of a decoder counts.

    Besides the likeliest continuations of a step, those that are a step ahead with a constraint are candidates, however
    unlikely. Candidates are put into banks by how far they have come, and the banks take turns to fill the beams. Rows that
    meet the constraints are returned before others, whatever their scores.
    """

    open_ends = True
    tiers = 3
    _states: list[list[ConstraintListState]]

    @classmethod
    def rows(cls, settings: GenerationConfig) -> int:
        beams = super().rows(settings)
        option = "constraints" if settings.constraints else "force_words_ids"
        if beams == 1:
            raise ConfigError(f"{option} needs num_beams above 1, found num_beams=1")
        groups = settings.effective("num_beam_groups")
        if groups > 1:
            raise ConfigError(f"{option} and num_beam_groups={groups} exclude each other")
        if settings.do_sample:
            raise ConfigError(f"{option} and do_sample=True exclude each other")
        constraints_of(settings.force_words_ids, settings.constraints)
        return beams

    def start(self, run: Decoding, call: Call) -> None:
        super().start(run, call)
        constraints = constraints_of(self.settings.force_words_ids, self.settings.constraints)
        vocabulary = run.model.config.get_text_config(decoder=True).vocab_size
        banned = set(self.settings.suppress_tokens or ())
        self._end_tokens = set(run.finish.eos)
        check_tokens(constraints, vocabulary, banned, self._end_tokens)
        self._states = []
        for ids in run.ids[:: self.beams].tolist():
            state = ConstraintListState(constraints)
            state.reset(ids)
            check_room(state, run.finish.max_length - run.length)
            self._states.append([state] * self.beams)

    def extend(self, run: Decoding, pool: Pool, scores: Tensor) -> Candidates:
        candidates = self.candidates(run, pool, scores)
        candidates.tiers = self._tiers(candidates)
        return pool.advance(candidates, len(self.history), lambda going: self._arrange(run, pool, scores, going))

    def _tiers(self, candidates: Candidates) -> Tensor:
        """(B, C) what candidates are worth that end."""
        tiers = torch.full_like(candidates.codes, _CUT)
        beams, tokens, codes = (values.tolist() for values in (candidates.beams, candidates.tokens, candidates.codes))
        for row, place in candidates.codes.nonzero().tolist():
            ends = codes[row][place] == EOS
            state = self._states[row][beams[row][place]] if ends else self._after(row, beams[row][place], tokens[row][place])
            tiers[row, place] = _MET if state.completed else _ENDED if ends else _CUT
        return tiers

    def _arrange(self, run: Decoding, pool: Pool, scores: Tensor, going: Candidates) -> Candidates:
        """The beams that go on, with what is a step ahead, in the order of the banks; notes how far each has come."""
        ahead = self._ahead(pool, scores, going)
        counts = ahead.flatten(1).sum(1).tolist()
        if max(counts):
            totals = (scores.view_as(ahead) + pool.totals.unsqueeze(2)).masked_fill(~ahead, -torch.inf).flatten(1)
            totals, places = totals.topk(max(counts))  # where a prompt has fewer, -inf, which never wins
            more = self.judged(run, pool, scores, totals, places // scores.shape[1], places % scores.shape[1])
            names = ("totals", "beams", "tokens", "codes")
            going = Candidates(*(torch.cat([vars(going)[name], vars(more)[name]], dim=1) for name in names))
        order = []
        choices = zip(going.totals.tolist(), going.beams.tolist(), going.tokens.tolist(), strict=True)
        for row, (sums, beams, tokens) in enumerate(choices):
            states = [self._after(row, beam, token) for beam, token in zip(beams, tokens, strict=True)]
            picked = list(range(self.beams))
            if counts[row]:
                picked = round_robin([state.get_bank() for state in states], sums, self.beams)
            self._states[row] = [states[place] for place in picked]
            order.append(picked)
        arranged = going.take(torch.tensor(order, device=scores.device))
        arranged.tiers = self._reached(scores.device)
        return arranged

    def _ahead(self, pool: Pool, scores: Tensor, going: Candidates) -> Tensor:
        """(B, k, V) which continuations are a step ahead with a constraint, less those that are `going` on anyway."""
        ahead = torch.zeros(*pool.rows.shape, scores.shape[1], dtype=torch.bool)
        for row, beam in pool.alive().nonzero().tolist():
            for token in self._states[row][beam].advance() or ():
                early = token in self._end_tokens and not self._after(row, beam, token).completed
                ahead[row, beam, token] = not early
        ahead = ahead.to(scores.device)
        ahead[torch.arange(len(ahead), device=scores.device).unsqueeze(1), going.beams, going.tokens] = False
        return ahead

    def _after(self, row: int, beam: int, token: int) -> ConstraintListState:
        state = self._states[row][beam].copy()
        state.add(token)
        return state

    def _reached(self, device: torch.device) -> Tensor:
        """(B, k) what the beams are worth if they are cut off now."""
        return torch.tensor([[_MET if state.completed else _CUT for state in row] for row in self._states], device=device)

    def unfinished(self, run: Decoding, pool: Pool) -> Candidates:
        candidates = super().unfinished(run, pool)
        return replace(candidates, tiers=self._reached(candidates.codes.device))

    def _results(self, run: Decoding) -> BestRows:
        first, results = self._best_rows is None, super()._results(run)
        if first and bool(self.pools[0].ended[_MET].scores[:, self.returned - 1].isneginf().any()):
            warn_once("constraints-unmet", "not every returned row meets its constraints: give it more beams or more tokens")
        return results


STRATEGY = ConstrainedBeam

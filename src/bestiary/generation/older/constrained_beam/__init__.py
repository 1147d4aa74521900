"""Beams that must write given words (dynamic beam allocation, https://arxiv.org/abs/1804.06609)."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ....core.errors import ConfigError
from ....core.logging import warn_once
from ...beams import EOS, Candidates, Pool
from ...call import Call
from ...config import GenerationConfig
from ...decoding import Decoding
from ...options import Option
from ...strategies.beam import Beam, BestRows
from .constraints import ConstraintListState, check_room, check_tokens, constraints_of, round_robin

OPTIONS = {
    "constraints": Option(Any),
    "force_words_ids": Option(Any),
}
CHOSEN_BY = ("constraints", "force_words_ids")
REPLACES = ("beam", "group_beam")

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
    _names: list[list[int]]

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
        self._states, self._names = [], []
        for ids in run.ids[:: self.beams].tolist():
            state = ConstraintListState(constraints)
            state.reset(ids)
            check_room(state, run.finish.max_length - run.length)
            self._states.append([state] * self.beams)
            self._names.append([0] * self.beams)  # all beams are equal yet

    def extend(self, run: Decoding, pool: Pool, scores: Tensor) -> Candidates:
        candidates = self.candidates(run, pool, scores)
        candidates.tiers = self._tiers(candidates)
        return pool.advance(candidates, len(self.history), lambda going: self._arrange(run, pool, scores, going))

    def _tiers(self, candidates: Candidates) -> Tensor:
        """(B, C) what candidates are worth that end."""
        tiers = torch.full_like(candidates.codes, _CUT)
        ending = candidates.codes.nonzero().tolist()
        beams, tokens, codes = (values.tolist() for values in (candidates.beams, candidates.tokens, candidates.codes))
        for row, place in ending:
            state, eos = self._states[row][beams[row][place]], codes[row][place] == EOS
            if not eos:
                state = state.copy()
                state.add(tokens[row][place])
            tiers[row, place] = _MET if state.completed else _ENDED if eos else _CUT
        return tiers

    def _arrange(self, run: Decoding, pool: Pool, scores: Tensor, going: Candidates) -> Candidates:
        """The beams that go on, with what is a step ahead, in the order of the banks; notes how far each has come."""
        pairs = [list(zip(*row, strict=True)) for row in zip(going.beams.tolist(), going.tokens.tolist(), strict=True)]
        ahead = [[] if over else self._ahead(row, pairs[row]) for row, over in enumerate(pool.over.tolist())]
        every = self._with(run, pool, scores, going, ahead)
        order, tiers = [], []
        for row, totals in enumerate(every.totals.tolist()):
            choices = pairs[row] + ahead[row]
            states = [self._after(row, beam, token) for beam, token in choices]
            picked = list(range(self.beams))
            if ahead[row]:
                picked = round_robin([state.get_bank() for state in states], totals, self.beams)
            self._note(row, [choices[place] for place in picked], [states[place] for place in picked])
            order.append(picked)
            tiers.append([_MET if state.completed else _CUT for state in self._states[row]])
        arranged = every.take(torch.tensor(order, device=going.beams.device))
        arranged.tiers = torch.tensor(tiers, device=going.beams.device)
        return arranged

    def _ahead(self, row: int, going: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """(beam, token) of all that is a step ahead for the prompt `row`, less what is `going` anyway."""
        names, pairs = self._names[row], []
        taken = {(names[beam], token) for beam, token in going}
        for beam, state in enumerate(self._states[row]):
            for token in state.advance() or ():
                early = token in self._end_tokens and not self._after(row, beam, token).completed
                if (names[beam], token) not in taken and not early:
                    taken.add((names[beam], token))
                    pairs.append((beam, token))
        return pairs

    def _with(
        self, run: Decoding, pool: Pool, scores: Tensor, going: Candidates, ahead: list[list[tuple[int, int]]]
    ) -> Candidates:
        """`going` and what is `ahead`, (B, k + the most of one prompt); what fills up a prompt can never win."""
        most = max(map(len, ahead))
        if most == 0:
            return going
        filled = torch.tensor([[*row, *[(0, 0)] * (most - len(row))] for row in ahead], device=scores.device)
        beams, tokens = filled.unbind(-1)
        rows = torch.arange(len(ahead), device=scores.device).unsqueeze(1)
        totals = scores.reshape(*pool.rows.shape, -1)[rows, beams, tokens] + pool.totals.gather(1, beams)
        empty = torch.tensor([[place >= len(row) for place in range(most)] for row in ahead], device=scores.device)
        more = self.judged(run, pool, scores, totals.masked_fill(empty, -torch.inf), beams, tokens)
        names = ("totals", "beams", "tokens", "codes")
        return Candidates(*(torch.cat([vars(going)[name], vars(more)[name]], dim=1) for name in names))

    def _after(self, row: int, beam: int, token: int) -> ConstraintListState:
        state = self._states[row][beam].copy()
        state.add(token)
        return state

    def _note(self, row: int, pairs: list[tuple[int, int]], states: list[ConstraintListState]) -> None:
        """The beams of the prompt `row` are continuations by `pairs` now. Equal rows get equal names."""
        known: dict[tuple[int, int], int] = {}
        before = self._names[row]
        self._names[row] = [known.setdefault((before[beam], token), place) for place, (beam, token) in enumerate(pairs)]
        self._states[row] = states

    def unfinished(self, run: Decoding, pool: Pool) -> Candidates:
        candidates = super().unfinished(run, pool)
        tiers = [[_MET if state.completed else _CUT for state in row] for row in self._states]
        return replace(candidates, tiers=torch.tensor(tiers, device=candidates.codes.device))

    def _results(self, run: Decoding) -> BestRows:
        first, results = self._found is None, super()._results(run)
        if first and bool(self.pools[0].ended[_MET].scores[:, self.returned - 1].isneginf().any()):
            warn_once("constraints-unmet", "not every returned row meets its constraints: give it more beams or more tokens")
        return results


STRATEGY = ConstrainedBeam

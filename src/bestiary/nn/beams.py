"""What every beam search keeps: the beams that go on, the best of those that have ended, and the way back to their tokens.

All of it is tensors on the device of the scores. A step costs a few small operations, whatever the batch and the length;
tokens of an ended beam are not copied about: a note says in which step and row it ended, and `History` finds the way back.
Letters: B prompts, k beams of a pool, R rows of the model, C candidates in a step, N rows to return, T tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

# Taken from the total of a beam that has ended, or that is the copy of another: it goes on only where nothing else is left.
DEAD = -1e9

# The code of a row that ended by an end token.
EOS = 1


@dataclass(frozen=True)
class Rules:
    """When a search is over.

    length_penalty, early_stopping: as in `GenerationConfig`. new_tokens: the most that a row may get. length: the code of a row
    that ends there. open_ends: the rules published for groups and constraints: of the beams at the greatest length those end
    that would go on, if their search is not over, where plain beams end the first k candidates; and a search goes on while
    its best candidate, be it one that ends, may win.
    """

    length_penalty: float
    early_stopping: bool | str
    new_tokens: int
    length: int
    open_ends: bool = False

    def normalized(self, totals: Tensor, length: int) -> Tensor:
        """Sums of log probabilities over `length` new tokens as scores that are comparable between lengths."""
        scores: Tensor = totals / length**self.length_penalty
        return scores

    def bound(self, totals: Tensor, length: int) -> Tensor:
        """The score that beams with `totals` are taken to reach at best, with `length` new tokens by now."""
        far = self.early_stopping == "never" and self.length_penalty > 0
        return self.normalized(totals, self.new_tokens if far else length)


@dataclass
class Candidates:
    """Continuations of the beams of a pool, (B, C) each, in the order in which they may end: as a rule the best first.

    totals: sums of log probabilities. beams: which beam of the pool goes on. tokens: with what. codes: what ends it there
    (`Finish.judge`), 0 for nothing. tiers: if they end there, those of a lower tier are returned first; None: all are of one.
    """

    totals: Tensor
    beams: Tensor
    tokens: Tensor
    codes: Tensor
    tiers: Tensor | None = None

    def take(self, order: Tensor) -> "Candidates":
        """Those at the places `order` (B, n)."""
        return self._map(lambda value: value.gather(1, order))

    def first(self, count: int) -> "Candidates":
        """The first `count`."""
        return self._map(lambda value: value[:, :count])

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Candidates":
        tiers = None if self.tiers is None else change(self.tiers)
        return Candidates(change(self.totals), change(self.beams), change(self.tokens), change(self.codes), tiers)


class Ended:
    """The best k beams that have ended, for each prompt.

    Attributes:
        scores (B, k): the best first; -inf where there is none.
        notes (B, k, 4): where each ended: step, row of the model, last token, code.
    """

    def __init__(self, batch: int, beams: int, device: torch.device) -> None:
        self.scores = torch.full((batch, beams), -torch.inf, device=device)
        self.notes = torch.zeros(batch, beams, 4, dtype=torch.int64, device=device)

    def add(self, scores: Tensor, notes: Tensor) -> None:
        """Others with `scores` (B, n) and `notes` (B, n, 4)."""
        self.scores, best = torch.cat([self.scores, scores], dim=1).topk(self.scores.shape[1])
        self.notes = torch.cat([self.notes, notes], dim=1).gather(1, best.unsqueeze(-1).expand(-1, -1, 4))


class Pool:
    """The beams that compete with each other: for each of B prompts, k that go on and at most k that have ended.

    Attributes:
        totals (B, k): sums of log probabilities of the beams that go on. over (B,): nothing can change.
        ended: those that have ended, a set for each tier.
    """

    def __init__(self, rules: Rules, rows: Tensor, tiers: int = 1) -> None:
        """`rows` (B, k): the rows of the model that the beams have."""
        self.rules, self.rows = rules, rows
        self.totals = torch.full(rows.shape, DEAD, device=rows.device)
        self.totals[:, 0] = 0  # all rows begin equal: one of them stands for all
        self.ended = [Ended(rows.shape[0], rows.shape[1], rows.device) for _ in range(tiers)]
        self.over = torch.zeros(rows.shape[0], dtype=torch.bool, device=rows.device)

    def end(self, candidates: Candidates, step: int) -> None:
        """Candidates with a code end, if they are among the k best ended ones of their tier so far."""
        counts = (candidates.codes > 0) & (candidates.totals > DEAD / 2) & ~self.over.unsqueeze(1)
        scores = torch.where(counts, self.rules.normalized(candidates.totals, step + 1), -torch.inf)
        rows = self.rows.gather(1, candidates.beams)
        notes = torch.stack([torch.full_like(rows, step), rows, candidates.tokens, candidates.codes], dim=-1)
        for tier, ended in enumerate(self.ended):
            ended.add(scores if candidates.tiers is None else scores.masked_fill(candidates.tiers != tier, -torch.inf), notes)

    def advance(
        self, candidates: Candidates, step: int, arrange: Callable[[Candidates], Candidates] | None = None
    ) -> Candidates:
        """Take the candidates of a step: the first k of them may end, and the k best that do not end go on.

        Args:
            arrange: changes those that go on, (B, k) each.

        Returns those that go on, (B, k) each, in the new order of the beams.
        """
        k, last = self.totals.shape[1], step + 1 >= self.rules.new_tokens
        self.end(self._cut(candidates.first(k)) if last and not self.rules.open_ends else candidates.first(k), step)
        best = candidates.totals[:, 0]
        going = self._living(candidates)
        going = going.take(going.totals.topk(k).indices)
        if arrange is not None:
            going = arrange(going)
            self.end(going, step)
            going = self._living(going)
        self.totals = going.totals
        self.over = self.over | self._decided(best if self.rules.open_ends else self.totals[:, 0], step + 1)
        if last and self.rules.open_ends:
            self.end(self._cut(going), step)
        if last:
            self.over = torch.ones_like(self.over)
        return going

    def _living(self, candidates: Candidates) -> Candidates:
        """Candidates of which those that end cannot win any more."""
        return replace(candidates, totals=torch.where(candidates.codes > 0, candidates.totals + DEAD, candidates.totals))

    def _cut(self, candidates: Candidates) -> Candidates:
        """Candidates of which all end, by their length if by nothing else."""
        return replace(candidates, codes=torch.where(candidates.codes == 0, self.rules.length, candidates.codes))

    def _decided(self, best: Tensor, length: int) -> Tensor:
        """Whether (B,) nothing can get better, where the best candidate has the total `best` (B,)."""
        worst = self.ended[0].scores[:, -1]
        least = -torch.inf if self.rules.early_stopping is True else self.rules.bound(best, length)
        return ((worst > -torch.inf) & (worst >= least)) | (self.totals.amax(1) < DEAD / 2)

    def best(self) -> tuple[Tensor, Tensor]:
        """Scores (B, k) and notes (B, k, 4) of the ended beams, those of the first tier first, and the best first."""
        if len(self.ended) == 1:
            return self.ended[0].scores, self.ended[0].notes
        scores = torch.cat([ended.scores for ended in self.ended], dim=1)
        notes = torch.cat([ended.notes for ended in self.ended], dim=1)
        order = scores.isneginf().int().sort(dim=1, stable=True).indices[:, : self.rows.shape[1]]
        return scores.gather(1, order), notes.gather(1, order.unsqueeze(-1).expand(-1, -1, 4))

    def alive(self) -> Tensor:
        """Which beams (B, k) go on and may still win."""
        return (self.totals > DEAD / 2) & ~self.over.unsqueeze(1)


class History:
    """The token and the parent that each row got in each step."""

    def __init__(self) -> None:
        self._tokens: list[Tensor] = []
        self._parents: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, tokens: Tensor, parents: Tensor) -> None:
        """The step's tokens (R,), and the row (R,) before the step that each row goes on from."""
        self._tokens.append(tokens)
        self._parents.append(parents)

    def newest(self) -> tuple[Tensor, Tensor]:
        """Tokens and parents (R,) of the last step."""
        return self._tokens[-1], self._parents[-1]

    def trace(self, notes: Tensor, pad: int) -> tuple[Tensor, Tensor]:
        """The tokens (N, T) of beams that ended as `notes` (N, 4) say, and the row (N, T) each was chosen in.

        Shorter ones are filled up with `pad` and -1.
        """
        steps, row, token = notes.cpu()[:, :3].unbind(1)
        length = int(steps.max()) + 1
        tokens = torch.full((len(steps), length), pad)
        rows = torch.full((len(steps), length), -1)
        chosen, parents = (torch.stack(values[:length]).cpu() for values in (self._tokens, self._parents))
        for step in reversed(range(length)):
            there = steps >= step
            tokens[:, step] = torch.where(there, token, pad)
            rows[:, step] = torch.where(there, row, -1)
            if step:
                token = torch.where(there, chosen[step - 1][row], token)
                row = torch.where(there, parents[step - 1][row], row)
        return tokens.to(notes.device), rows.to(notes.device)

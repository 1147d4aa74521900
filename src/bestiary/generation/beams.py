"""What every beam search keeps: the beams that go on, the best of those that have ended, and the way back to their tokens.

All of it is tensors on the device of the scores. A step costs a few small operations, whatever the batch and the length;
tokens of an ended beam are not copied about: a note says in which step and row it ended, and `History` finds the way back.
Letters: B prompts, k beams of a pool, R rows of the model, C candidates in a step, N rows to return, T tokens.
"""

from dataclasses import dataclass

import torch

Tensor = torch.Tensor

# Taken from the total of a beam that has ended, or that is the copy of another: it goes on only where nothing else is left.
DEAD = -1e9


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
        return totals / length**self.length_penalty

    def bound(self, totals: Tensor, length: int) -> Tensor:
        """The score that beams with `totals` are taken to reach at best, with `length` new tokens by now."""
        far = self.early_stopping == "never" and self.length_penalty > 0
        return self.normalized(totals, self.new_tokens if far else length)


@dataclass
class Candidates:
    """Continuations of the beams of a pool, (B, C) each, in the order in which they may end: as a rule the best first.

    totals: sums of log probabilities. beams: which beam of the pool goes on. tokens: with what. codes: what ends it there
    (`Finish.judge`), 0 for nothing.
    """

    totals: Tensor
    beams: Tensor
    tokens: Tensor
    codes: Tensor

    def take(self, order: Tensor) -> "Candidates":
        """Those at the places `order` (B, n)."""
        return Candidates(*(value.gather(1, order) for value in (self.totals, self.beams, self.tokens, self.codes)))


class Pool:
    """The beams that compete with each other: for each of B prompts, k that go on and at most k that have ended.

    Attributes:
        totals (B, k): sums of log probabilities of the beams that go on, the best first.
        scores (B, k): of the ended ones, the best first; -inf where there is none.
        notes (B, k, 4): where an ended one ended: step, row of the model, last token, code. over (B,): nothing can change.
    """

    def __init__(self, batch: int, beams: int, rules: Rules, rows: Tensor) -> None:
        """`rows` (B, k): the rows of the model that the beams have."""
        self.rules, self.rows = rules, rows
        self.totals = torch.full((batch, beams), DEAD, device=rows.device)
        self.totals[:, 0] = 0  # all rows begin equal: one of them stands for all
        self.scores = torch.full((batch, beams), -torch.inf, device=rows.device)
        self.notes = torch.zeros(batch, beams, 4, dtype=torch.int64, device=rows.device)
        self.over = torch.zeros(batch, dtype=torch.bool, device=rows.device)

    def end(self, found: Candidates, step: int) -> None:
        """Candidates with a code end, if they are among the k best ended ones so far."""
        counts = (found.codes > 0) & (found.totals > DEAD / 2) & ~self.over.unsqueeze(1)
        scores = torch.where(counts, self.rules.normalized(found.totals, step + 1), -torch.inf)
        rows = self.rows.gather(1, found.beams)
        notes = torch.stack([torch.full_like(rows, step), rows, found.tokens, found.codes], dim=-1)
        self.scores, best = torch.cat([self.scores, scores], dim=1).topk(self.scores.shape[1])
        self.notes = torch.cat([self.notes, notes], dim=1).gather(1, best.unsqueeze(-1).expand(-1, -1, 4))

    def advance(self, found: Candidates, step: int) -> Candidates:
        """Take the candidates of a step: the first k of them may end, and the k best that do not end go on.

        Returns those that go on, (B, k) each, in the new order of the beams.
        """
        k, last = self.totals.shape[1], step + 1 >= self.rules.new_tokens
        first = Candidates(found.totals[:, :k], found.beams[:, :k], found.tokens[:, :k], found.codes[:, :k])
        self.end(self._cut(first) if last and not self.rules.open_ends else first, step)
        totals = torch.where(found.codes > 0, found.totals + DEAD, found.totals)
        self.totals, best = totals.topk(k)
        kept = found.take(best)
        self.over = self.over | self._decided(found.totals[:, 0] if self.rules.open_ends else self.totals[:, 0], step + 1)
        if last and self.rules.open_ends:
            self.end(self._cut(Candidates(self.totals, kept.beams, kept.tokens, kept.codes)), step)
        if last:
            self.over = torch.ones_like(self.over)
        return kept

    def _cut(self, found: Candidates) -> Candidates:
        """Candidates of which all end, by their length if by nothing else."""
        codes = torch.where(found.codes == 0, self.rules.length, found.codes)
        return Candidates(found.totals, found.beams, found.tokens, codes)

    def _decided(self, best: Tensor, length: int) -> Tensor:
        """Whether (B,) nothing can get better, where the best beam has the total `best` (B,)."""
        worst = self.scores[:, -1]
        least = -torch.inf if self.rules.early_stopping is True else self.rules.bound(best, length)
        return ((worst > -torch.inf) & (worst >= least)) | (self.totals[:, 0] < DEAD / 2)

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
        chosen, parents = (torch.stack(kept[:length]).cpu() for kept in (self._tokens, self._parents))
        for step in reversed(range(length)):
            there = steps >= step
            tokens[:, step] = torch.where(there, token, pad)
            rows[:, step] = torch.where(there, row, -1)
            if step:
                token = torch.where(there, chosen[step - 1][row], token)
                row = torch.where(there, parents[step - 1][row], row)
        return tokens.to(notes.device), rows.to(notes.device)

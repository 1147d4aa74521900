"""Which rows are finished and why, with as few looks at the device as the answer allows."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..nn.late_flag import late_flag
from .stopping import EosTokenCriteria, StoppingCriteria, verdict

RUNNING = 0


class Finish:
    """Keeps, for each of `rows`, whether it goes on and what ended it.

    Args:
        eos: ids (N,) of end tokens, or None. criteria: further stopping criteria, or plain functions like them.
        max_length: tokens of a row, prompt included, at which every row ends. pad: what finished rows are filled with.

    Attributes:
        cut, cancelled: the codes of rows that were ended by their length, or cancelled.
    """

    def __init__(
        self, rows: int, device: torch.device, eos: Tensor | None, criteria: list[Any], max_length: int, pad: int
    ) -> None:
        self.max_length, self.pad = max_length, pad
        self._eos, self._criteria = eos, criteria
        reasons = [criterion.reason if isinstance(criterion, StoppingCriteria) else "stopped" for criterion in criteria]
        self._names = ["", "eos", *reasons, "length", "cancelled"]
        self.cut, self.cancelled = len(self._names) - 2, len(self._names) - 1
        self.running = torch.ones(rows, dtype=torch.bool, device=device)
        self._codes = torch.zeros(rows, dtype=torch.int64, device=device)
        self._can_end = eos is not None or bool(criteria)
        self._flag = late_flag(device) if self._can_end else None
        # Known without asking the device, where asking is cheap enough to be up to date.
        self._some_ended, self._all_ended = self._flag is not None, False

    def criteria(self) -> list[Any]:
        """What ends a row besides its length."""
        return [*([] if self._eos is None else [EosTokenCriteria(self._eos)]), *self._criteria]

    def fill(self, tokens: Tensor) -> Tensor:
        """`tokens` (R,) or (R, n) with padding in the rows that are finished."""
        if not self._some_ended or len(self.running) == 1:
            return tokens
        return torch.where(self.running if tokens.dim() == 1 else self.running.unsqueeze(1), tokens, self.pad)

    def update(self, ids: Tensor, scores: Tensor) -> None:
        """Look at the rows (R, T), whose newest token was chosen by `scores` (R, V)."""
        if self._can_end:
            self._end(self.judge(ids[:, -1], lambda: (ids, scores)))

    @property
    def eos(self) -> list[int]:
        """The end tokens."""
        return [] if self._eos is None else self._eos.tolist()

    def judge(self, tokens: Tensor, rows: Callable[[], tuple[Tensor, Tensor]]) -> Tensor:
        """What, other than their length, would end rows whose newest are `tokens`, as codes like them; 0 for nothing.

        Where only an end token can, whose code is 1, the codes are booleans, which are looked through in half the time.

        Args:
            rows: gives the rows (N, T) and the scores (N, V) of their newest token; only asked where they are needed.
        """
        if self._eos is None:
            codes = torch.full_like(tokens, RUNNING)
        else:
            codes = tokens == self._eos if len(self._eos) == 1 else torch.isin(tokens, self._eos)
        if self._criteria:
            ids, scores = rows()
            for code, criterion in enumerate(self._criteria, start=2):
                codes = torch.where(verdict(criterion(ids, scores), ids).view_as(codes) & (codes == RUNNING), code, codes)
        return codes

    def settle(self, running: Tensor) -> None:
        """From now on the rows that are `running` (R,) go on; why the others ended is known elsewhere."""
        if self._can_end:
            self._go_on(running)

    def _go_on(self, running: Tensor) -> None:
        self.running = running
        if self._flag is None:
            self._some_ended, self._all_ended = True, not bool(running.any())

    def _end(self, codes: Tensor) -> None:
        """End the rows that go on and have one of the `codes` (R,) above 0."""
        if self._flag is None and not bool(codes.any()):
            return
        self._codes = torch.where(self.running, codes, self._codes)
        self._go_on(self.running & (codes == RUNNING))

    def over(self, length: int) -> bool:
        """Whether no row goes on, after a step that made the rows `length` long. On a GPU the answer may come a step late."""
        if length >= self.max_length:
            self._end(self.running * self.cut)
            return True
        if self._flag is not None:
            self._flag.post(self.running)
            return False
        return self._all_ended

    def was_over(self) -> bool:
        """On a GPU: whether no row went on after the last step. Asked when the next one is under way, so that none waits."""
        return self._flag is not None and self._flag.raised()

    def cancel(self) -> None:
        """End all rows that still go on."""
        self._end(self.running * self.cancelled)

    def reorder(self, parents: Tensor) -> None:
        """Row i becomes the former row `parents[i]`."""
        self.running, self._codes = self.running[parents], self._codes[parents]

    def reasons(self) -> list[str]:
        """What ended each row; an empty string where nothing did."""
        return self.names(self._codes)

    def names(self, codes: Tensor) -> list[str]:
        """What `codes` (N,) say, as in `reasons`."""
        return [self._names[code] for code in codes.tolist()]

"""Bars and tables of a training as HTML, for notebooks."""

import time
from collections.abc import Sequence
from typing import Any, Optional

from ...core.optional import require
from ...draw.style import escaped


class NotebookProgressBar:
    """A bar of values up to `total`, which shows itself in the output of a cell.

    Args:
        prefix: what stands above it. leave: keep it when it is closed. parent: the tracker that shows it, instead of itself.
        width: in pixels.

    Fields:
        value, label, html_code: what it shows. comment: what stands behind the times.
        elapsed_time, predicted_remaining: seconds; None where they are not known yet.
        warmup, update_every: it is shown for so many values at first, then after so many seconds.
    """

    warmup = 5
    update_every = 0.5

    def __init__(
        self,
        total: int,
        prefix: str | None = None,
        leave: bool = True,
        parent: Optional["NotebookTrainingTracker"] = None,
        width: int = 300,
    ) -> None:
        self.total, self.prefix, self.leave, self.parent, self.width = total, prefix or "", leave, parent, width
        self.value, self.label, self.html_code = 0, "", ""
        self.comment: str | None = None
        self.output: Any = None
        self.elapsed_time: float | None = None
        self.predicted_remaining: float | None = None
        self._start: tuple[float, int] | None = None
        self._calls = 0
        self._next = 0.0

    def update(self, value: int, force_update: bool = False, comment: str | None = None) -> None:
        """Go to `value`, and show it if it is time to, if it is the last, or with `force_update`."""
        self.value = value
        if comment is not None:
            self.comment = comment
        now = time.time()
        if self._start is None:
            self._start = (now, value)
        self._calls += 1
        if not (force_update or value >= self.total or self._calls <= self.warmup or now >= self._next):
            return
        self._next = now + self.update_every
        begin, first = self._start
        if value > first:
            self.elapsed_time = now - begin
            self.predicted_remaining = None if value >= self.total else (self.total - value) * (now - begin) / (value - first)
        self.update_bar(value)

    def update_bar(self, value: int, comment: str | None = None) -> None:
        """Show `value` now."""
        self.value = value
        times = []
        if self.elapsed_time is not None:
            left = self.predicted_remaining
            times = [_clock(self.elapsed_time) + ("" if left is None else f" &lt; {_clock(left)}")]
            if left is not None and self._start is not None and self.elapsed_time > 0:
                times.append(f"{(value - self._start[1]) / self.elapsed_time:.2f} it/s")
        said = self.comment if comment is None else comment
        told = ", ".join([*times, *([escaped(said)] if said else [])])
        self.label = f"[{value:>{len(str(self.total))}}/{self.total}{f' {told}' if told else ''}]"
        self.display()

    def display(self) -> None:
        """Show it, or have the tracker show it that it is part of."""
        self.html_code = self._bar()
        if self.parent is not None:
            self.parent.display()
        else:
            self._show(self.html_code)

    def close(self) -> None:
        """Take it out of the cell, unless it is to be left; within a tracker it stays until that takes it out."""
        if self.parent is None and self.output is not None and not self.leave:
            self.output.update(_html(""))

    def _bar(self) -> str:
        bar = f"<progress value='{self.value}' max='{self.total}' style='width:{self.width}px; height:20px;'></progress>"
        return f"<div>{escaped(self.prefix)} {bar} {self.label}</div>"

    def _show(self, code: str) -> None:
        if self.output is None:
            self.output = require("IPython.display", "a bar in a notebook").display(_html(code), display_id=True)
        else:
            self.output.update(_html(code))


class NotebookTrainingTracker(NotebookProgressBar):
    """A bar of steps, below it a table of what was logged, below that a bar of a running evaluation.

    Args:
        num_steps: steps to do. column_names: of the table; the first says to which row values belong.

    Fields:
        inner_table: the names, then a row for each time something was logged; None before the first without names.
        child_bar: of a running evaluation.
    """

    def __init__(self, num_steps: int, column_names: Sequence[str] | None = None) -> None:
        super().__init__(num_steps)
        self.inner_table: list[list[Any]] | None = None if column_names is None else [list(column_names)]
        self.child_bar: NotebookProgressBar | None = None

    def display(self) -> None:
        """Show all three."""
        self.html_code = self._bar()
        if self.inner_table is not None:
            self.html_code += html_table(self.inner_table)
        if self.child_bar is not None:
            self.html_code += self.child_bar.html_code
        self._show(self.html_code)

    def write_line(self, values: dict[str, Any]) -> None:
        """Add values by the names of their columns, to the last row if that has the same first value.

        New names are new columns; what a row has no value of is "No Log".
        """
        if self.inner_table is None:
            self.inner_table = [list(values), list(values.values())]
            return
        names = self.inner_table[0]
        names += [name for name in values if name not in names]
        former = dict(zip(names, self.inner_table[-1], strict=False)) if len(self.inner_table) > 1 else {}
        first = names[0]
        if first in values and former.get(first) == values[first]:
            # That nothing is known now does not undo what was.
            known = {name: value for name, value in values.items() if name not in former or value != "No log"}
            values = former | known
            self.inner_table.pop()
        self.inner_table.append([values.get(name, "No Log") for name in names])

    def add_child(self, total: int, prefix: str | None = None, width: int = 300) -> NotebookProgressBar:
        """A bar within this one, which is returned."""
        self.child_bar = NotebookProgressBar(total, prefix, parent=self, width=width)
        return self.child_bar

    def remove_child(self) -> None:
        """Take it out."""
        self.child_bar = None
        self.display()


def html_table(rows: Sequence[Sequence[Any]]) -> str:
    """A table whose first row is its head; numbers with a part after the point in six decimals."""
    head = "".join(f"<th>{escaped(name)}</th>" for name in rows[0])
    lines = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows[1:])
    return (
        '<table border="1" class="dataframe"><thead><tr style="text-align: left;">'
        f"{head}</tr></thead><tbody>{lines}</tbody></table>"
    )


def show_table(rows: Sequence[Sequence[Any]]) -> None:
    """Show a table in the output of a cell."""
    require("IPython.display", "a table in a notebook").display(_html(html_table(rows)))


def _cell(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else escaped(value)


def _html(code: str) -> Any:
    return require("IPython.display", "a bar in a notebook").HTML(code)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"

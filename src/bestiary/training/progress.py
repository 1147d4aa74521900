"""`Progress`: where a training is, beyond what `TrainerState` says."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from ..core.errors import CorruptFile
from ..core.files import read_json, write_json
from .checkpoints import PROGRESS_NAME


@dataclass
class Progress:
    """What an exact continuation needs besides weights, optimizer, schedule and random numbers; kept with each checkpoint.

    Fields:
        run: a name of the run, by which it knows its checkpoints.
        epoch, rows, batches: the epoch, and what of its data was used: rows of all processes, batches of one.
        taken: of this epoch: rows of a batch of all processes, and how many such batches came after each other.
        lanes: workers in whose order batches come; 0 where it is not known.
        epoch_batches: batches of the last whole epoch, where the data has no length and no step ends it.
        rows_of_update: rows of all processes that an update takes.
        loss_sums, loss_updates: since the last log, of each process. total_loss: over all updates.
        uncounted: updates that were left out and whose loss is in no sum.
        learning_rate, grad_norm: of the last update; the norm is that before the gradient was shortened.
        parts: into how many each batch is cut, since memory ran out. nonfinite: updates in a row that were left out.
        pending: what was to be done after the last update and was not: evaluate, save.
        resumed: steps at which it went on. pace: (step, seconds of training until it, tokens until it) of logs.
    """

    run: str = ""
    epoch: int = 0
    rows: int = 0
    batches: int = 0
    taken: list[list[int]] = field(default_factory=list)
    lanes: int = 0
    epoch_batches: int = 0
    rows_of_update: int = 0
    loss_sums: list[float] = field(default_factory=list)
    loss_updates: int = 0
    total_loss: float = 0.0
    uncounted: int = 0
    learning_rate: float = 0.0
    grad_norm: float | None = None
    parts: int = 1
    nonfinite: int = 0
    pending: list[str] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    pace: list[list[float]] = field(default_factory=list)

    def take(self, batches: int, rows_of_batch: int) -> None:
        """Count batches, of so many rows of all processes each."""
        self.batches += batches
        self.rows += batches * rows_of_batch
        if not self.taken or self.taken[-1][0] != rows_of_batch:
            self.taken.append([rows_of_batch, 0])
        self.taken[-1][1] += batches

    def begin_epoch(self, epoch: int) -> None:
        """Nothing of this epoch's data was used."""
        self.epoch, self.rows, self.batches, self.taken = epoch, 0, 0, []

    def save(self, folder: Path) -> None:
        """Write it into the folder of a checkpoint."""
        write_json(folder / PROGRESS_NAME, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """That of a checkpoint; None where another library wrote it.

        Raises:
            CorruptFile: the file holds something else.
        """
        if not (folder / PROGRESS_NAME).is_file():
            return None
        values: Any = read_json(folder / PROGRESS_NAME)
        known = {each.name for each in fields(cls)}
        if not isinstance(values, dict) or set(values) - known or not {"epoch", "rows", "batches"} <= set(values):
            raise CorruptFile(f"{folder / PROGRESS_NAME} does not say where a training is")
        for name, value in values.items():
            if not _fits(name, value):
                raise CorruptFile(f"{folder / PROGRESS_NAME} holds {value!r:.60} as {name}, which no training writes")
        return cls(**values)


def _fits(name: str, value: Any) -> bool:
    default = getattr(Progress(), name)
    if name == "grad_norm" and value is None:
        return True
    if isinstance(default, list | str):
        return isinstance(value, type(default))
    whole = isinstance(value, int) and not isinstance(value, bool)
    return (whole and 0 <= value < 2**63) if isinstance(default, int) else whole or isinstance(value, float)

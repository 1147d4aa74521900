"""`GivenTrial`: a trial whose values somebody else drew."""

from collections.abc import Callable, Mapping
from typing import Any


class GivenTrial(dict[str, Any]):
    """The values of a trial, by name.

    Args:
        values: as they were drawn. number: by which their maker knows the trial.
        tell: gets (objective, step) of each evaluation.
    """

    def __init__(self, values: Mapping[str, Any], number: str, tell: Callable[[float, int], None] | None = None) -> None:
        super().__init__(values)
        self.number, self._tell = number, tell

    @property
    def given(self) -> dict[str, Any]:
        """The values."""
        return dict(self)

    @property
    def params(self) -> dict[str, Any]:
        """The values."""
        return dict(self)

    def report(self, value: float, step: int) -> None:
        """Hand an objective on."""
        if self._tell is not None:
            self._tell(value, step)

    def should_prune(self) -> bool:
        """No: its maker ends it in its own way."""
        return False

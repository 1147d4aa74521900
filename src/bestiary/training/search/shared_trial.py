"""`SharedTrial`: the trial of the first process, for all."""

from typing import Any


class SharedTrial:
    """Asks the trial of the first process, and tells every process what it answered. All of them have to ask the same.

    Args:
        processes: of the training. number: of the trial. trial: in the first process.
    """

    def __init__(self, processes: Any, number: int, trial: Any = None) -> None:
        self._processes, self.number, self._trial = processes, number, trial

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        first = self._processes.is_first()
        value = getattr(self._trial, name, None) if first else None
        asks, value = self._processes.of_first((callable(value), None if callable(value) else value))
        return (lambda *args, **kwargs: self._asked(name, args, kwargs)) if asks else value

    def __getitem__(self, name: str) -> Any:
        """A value of a trial that is a table."""
        return self._asked("__getitem__", (name,), {})

    def _asked(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer: tuple[Any, Exception | None] = None, None
        if self._processes.is_first():
            try:
                answer = getattr(self._trial, name)(*args, **kwargs), None
            except Exception as error:  # noqa: BLE001 (all processes raise it)
                answer = None, error
        value, fault = self._processes.of_first(answer)
        if fault is not None:
            raise fault
        return value

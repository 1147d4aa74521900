"""What a report says of a run besides its log; all of it can be kept as JSON."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...core.errors import CorruptFile
from .history import as_number


@dataclass
class Facts:
    """What is known of a run.

    Fields:
        title: of the page. status: running, finished, stopped, failed, or "" where it is not known. reason: why it stopped.
        sections: heading -> name -> value, in the order they are read. arguments: those that differ from defaults.
        best_step, best_value, best_checkpoint: of the best evaluation. checkpoint: the last one.
        steps: updates that were to be made. resumed: steps at which it went on.
        pace: (step, seconds trained until then, tokens until then). rows_of_update: rows that an update takes.
        seconds: since the training began, evaluations and saves among them.
    """

    title: str = "Training"
    status: str = ""
    reason: str = ""
    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    best_step: float | None = None
    best_value: float | None = None
    best_checkpoint: str = ""
    checkpoint: str = ""
    steps: float = 0
    resumed: Sequence[float] = field(default_factory=list)
    pace: list[list[float]] = field(default_factory=list)
    rows_of_update: float = 0
    seconds: float = 0

    def block(self) -> str:
        """The facts within a page, where nobody sees them."""
        text = json.dumps(asdict(self)).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        return f'<script type="application/json" id="run-facts">{text}</script>'

    @classmethod
    def in_page(cls, page: str) -> "Facts | None":
        """The facts in a page that `block` was part of; None where it holds none."""
        match = re.search(r'<script type="application/json" id="run-facts">(.*?)</script>', page, re.DOTALL)
        if match is None:
            return None
        try:
            facts = cls(**json.loads(match[1]))
        except (ValueError, TypeError, RecursionError):
            return None
        return facts if facts.is_whole() else None

    def is_whole(self) -> bool:
        """Whether each value is of its kind: a page or a file of progress may have been written by anybody."""
        texts = (self.title, self.status, self.reason, self.best_checkpoint, self.checkpoint, *_texts(self.arguments))
        numbers: list[Any] = [self.steps, self.rows_of_update, self.seconds]
        numbers += [each for each in (self.best_step, self.best_value) if each is not None]
        if not all(isinstance(each, list) for each in (self.resumed, self.pace)) or not isinstance(self.sections, dict):
            return False
        texts += tuple(text for section in self.sections.values() for text in _texts(section))
        places = [place if isinstance(place, list) and len(place) == 3 else [None] for place in self.pace]
        numbers += [*self.resumed, *(number for place in places for number in place)]
        right = (as_number(each) is not None and (isinstance(each, float) or abs(each) < 10**300) for each in numbers)
        return all(isinstance(text, str) for text in texts) and all(right)

    @classmethod
    def of_state(cls, state: Mapping[str, Any], title: str) -> "Facts":
        """What the file of a `TrainerState` says.

        Raises:
            CorruptFile: a value is of another kind.
        """
        facts = cls(title=title)
        for name, kind in (("best_metric", float), ("best_global_step", int), ("max_steps", int), ("num_train_epochs", float)):
            value = state.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise CorruptFile(f"{name} in the state of a training is {value!r:.60}; expected a {kind.__name__}")
        facts.best_value, facts.best_step = as_number(state.get("best_metric")), as_number(state.get("best_global_step"))
        facts.best_checkpoint = str(state.get("best_model_checkpoint") or "")
        facts.steps = as_number(state.get("max_steps")) or 0
        run = {
            "Epochs": state.get("num_train_epochs"),
            "Rows of a batch": state.get("train_batch_size"),
            "Input tokens": state.get("num_input_tokens_seen") or None,
            "Trial": state.get("trial_name"),
        }
        facts.sections = {"Run": {name: shown(value) for name, value in run.items() if value is not None}}
        return facts


def _texts(table: Any) -> tuple[Any, ...]:
    return tuple(table.values()) if isinstance(table, dict) else (None,)


def shown(value: Any) -> str:
    """A value as a person reads it: numbers with commas, up to six digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value == int(value) if abs(value) < 1e15 else False):
        return f"{int(value):,}"
    return f"{value:.6g}"

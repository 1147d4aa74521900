"""When a row is finished. A criterion can be used alone: it maps tokens (B, T) and scores (B, V) to booleans (B,)."""

import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..core.kinds import Amount
from ..core.texts import is_whole
from ..preprocess.text.text_decoder import is_byte_token
from .options import Option
from .processor import token_ids

OPTIONS = {"max_time": Option(Amount), "stop_strings": Option(str | list[str])}


class StoppingCriteria(ABC):
    """Says for each row whether it ends with its newest token.

    Class attributes:
        reason: what a result reports for a row that this criterion ended.
    """

    reason: ClassVar[str] = "stopped"

    @abstractmethod
    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        """`input_ids` (B, T) so far, `scores` (B, V) of the newest token; returns booleans (B,)."""


class StoppingCriteriaList(list[Any]):
    """Criteria of which any ends a row; itself one."""

    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        done = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        for criterion in self:
            done = done | verdict(criterion(input_ids, scores, **kwargs), input_ids)
        return done

    @property
    def max_length(self) -> int | None:
        """The length at which a `MaxLengthCriteria` among these ends every row; None without one."""
        lengths = [criterion.max_length for criterion in self if isinstance(criterion, MaxLengthCriteria)]
        return min(lengths, default=None)


def verdict(answer: Any, input_ids: Tensor) -> Tensor:
    """What a criterion returned, as booleans (B,) on the device of `input_ids`; one boolean counts for all rows.

    Raises:
        InputError: the answer is neither a boolean nor one boolean for each row.
    """
    rows = input_ids.shape[0]
    try:
        booleans = torch.as_tensor(answer, device=input_ids.device)
    except (TypeError, ValueError, RuntimeError):  # not even numbers
        booleans = None
    if booleans is None or booleans.dtype != torch.bool or booleans.shape not in ((), (rows,)):
        raise InputError(f"a stopping criterion returned {answer!r:.200}; expected a boolean, or booleans of shape ({rows},)")
    return booleans.expand(rows)


class MaxLengthCriteria(StoppingCriteria):
    """Ends every row at `max_length` tokens, prompt included."""

    reason = "length"

    def __init__(self, max_length: int, max_position_embeddings: int | None = None) -> None:
        self.max_length = max_length
        self.max_position_embeddings = max_position_embeddings

    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        limit = min(self.max_length, self.max_position_embeddings or self.max_length)
        return torch.full((input_ids.shape[0],), input_ids.shape[1] >= limit, device=input_ids.device)


class MaxTimeCriteria(StoppingCriteria):
    """Ends every row once `max_time` seconds have passed since `initial_timestamp` (default: now)."""

    reason = "time"

    def __init__(self, max_time: float, initial_timestamp: float | None = None) -> None:
        self.max_time = max_time
        self.initial_timestamp = time.time() if initial_timestamp is None else initial_timestamp

    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        over = bool(time.time() - self.initial_timestamp > self.max_time)  # numpy's booleans are not Python's
        return torch.full((input_ids.shape[0],), over, device=input_ids.device)


class EosTokenCriteria(StoppingCriteria):
    """Ends a row at any of the tokens `eos_token_id` among its last `new_token_length`."""

    reason = "eos"

    def __init__(self, eos_token_id: int | list[int] | Tensor) -> None:
        self.eos_token_id = token_ids(eos_token_id)

    def __call__(self, input_ids: Tensor, scores: Any = None, new_token_length: int = 1, **kwargs: Any) -> Tensor:
        return torch.isin(input_ids[:, -new_token_length:], self.eos_token_id.to(input_ids.device)).any(1)


class ConfidenceCriteria(StoppingCriteria):
    """Ends a row whose newest token had, by `scores`, a probability below `assistant_confidence_threshold`.

    A draft model stops here: what it is unsure of is likely to be refused.
    """

    reason = "confidence"

    def __init__(self, assistant_confidence_threshold: float) -> None:
        self.assistant_confidence_threshold = assistant_confidence_threshold

    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        """`scores` (B, V) of the newest token, or a tuple of such for all new tokens, of which the last counts."""
        newest = scores[-1] if isinstance(scores, tuple | list) else scores
        probabilities = newest.softmax(-1).gather(1, input_ids[:, -1:].to(newest.device)).squeeze(1)
        unsure: Tensor = probabilities < self.assistant_confidence_threshold
        return unsure


class StopStringCriteria(StoppingCriteria):
    """Ends a row whose text holds one of `stop_strings`, wherever tokens begin and end, if its newest token took part.

    The text is searched, not the vocabulary, so nothing has to be prepared and every tokenizer will do.
    """

    reason = "stop"

    def __init__(self, tokenizer: Any, stop_strings: str | list[str]) -> None:
        self.tokenizer = tokenizer
        self.stop_strings = (stop_strings,) if isinstance(stop_strings, str) else tuple(stop_strings)
        if not self.stop_strings or any(not isinstance(text, str) or not text for text in self.stop_strings):
            raise ArgumentError(f"stop_strings is {stop_strings!r}; expected a string or a list of strings, none empty")
        if not all(map(is_whole, self.stop_strings)):
            raise ArgumentError(f"stop_strings is {stop_strings!r:.80}; half a character (a surrogate) is in no text")
        # Tokens to look at: each writes at least a byte, as a rule.
        self._window = max(len(text.encode()) for text in self.stop_strings) + 4

    def __call__(self, input_ids: Tensor, scores: Any = None, **kwargs: Any) -> Tensor:
        return torch.tensor([self._ends(row) for row in input_ids.cpu()], device=input_ids.device)

    def cut(self, text: str) -> str:
        """`text` up to the first stop string in it."""
        places = [place for place in (text.find(stop) for stop in self.stop_strings) if place >= 0]
        return text[: min(places)] if places else text

    def _ends(self, row: Tensor) -> bool:
        window = row[-self._window :].tolist()
        text = self._text(window)
        start = len(row) - len(window)
        # Special tokens write nothing, and a run of byte tokens that is cut may read as no character at all: look further.
        while start and (len(text.encode()) < self._window or is_byte_token(self.tokenizer.convert_ids_to_tokens(window[0]))):
            start = max(0, start - self._window)
            window = row[start:].tolist()
            text = self._text(window)
        # What the text was before the newest token, without a character of which only some bytes were there.
        before = len(self._text(window[:-1]).rstrip("\ufffd"))
        return any(text.find(stop, max(0, before - len(stop) + 1)) >= 0 for stop in self.stop_strings)

    def _text(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

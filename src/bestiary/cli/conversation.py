"""What `bestiary chat` remembers: the messages, what leaves when the context is full, and files of them."""

import json
from collections.abc import Callable
from pathlib import Path

from ..core.errors import CapacityError, CorruptFile
from ..core.files import write_json
from .streams import file_text

Message = dict[str, str]
_ROLES = ("system", "user", "assistant")


class Conversation:
    """Messages {"role": ..., "content": ...}, the system's apart: it stays when the oldest leave."""

    def __init__(self, system: str | None = None) -> None:
        self.system = system
        self.turns: list[Message] = []

    def messages(self) -> list[Message]:
        """All messages, the system's first, as chat templates take them."""
        start = [] if self.system is None else [{"role": "system", "content": self.system}]
        return [*start, *self.turns]

    def add(self, role: str, content: str) -> None:
        """Append a message."""
        self.turns.append({"role": role, "content": content})

    def fit(self, count: Callable[[list[Message]], int], room: int | None, answer: int) -> int:
        """Drop the oldest turns until the messages and `answer` tokens have room; returns how many messages left.

        The last message stays, and with it the answer may be shorter.

        Args:
            count: how many tokens messages take. room: tokens of the context, None without an end.

        Raises:
            CapacityError: the last message alone takes the whole context; nothing left.
        """
        if room is None:
            return 0
        before, dropped = list(self.turns), 0
        while (tokens := count(self.messages())) + answer > room and len(self.turns) > 1:
            dropped += self._drop_turn()
        if tokens >= room:
            self.turns = before
            raise CapacityError(
                f"the message takes {tokens} tokens with its template, and the model has a context of {room}; shorten it"
            )
        return dropped

    def _drop_turn(self) -> int:
        """Drop the first messages up to the next of the user, or the first alone; returns how many."""
        following = (place for place, message in enumerate(self.turns) if place and message["role"] == "user")
        count = next(following, 1)
        del self.turns[:count]
        return count

    def save(self, path: Path) -> None:
        """Write the messages as JSON: a list that a text-generation pipeline takes.

        Raises:
            SaveError, OSError: the file cannot be written.
        """
        write_json(path, self.messages())

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            FileMissing, InputError, OSError: the file cannot be read. CorruptFile: it is no list of messages.
        """
        expected = 'expected a JSON list of {"role": "system", "user" or "assistant", "content": "..."}, as /save writes'
        text = file_text(path)
        try:
            messages = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CorruptFile(f"{path} is not valid JSON ({error}); {expected}") from None
        if not isinstance(messages, list) or not all(map(_is_message, messages)):
            raise CorruptFile(f"{path} is no conversation; {expected}")
        first = [message for message in messages[:1] if message["role"] == "system"]
        self.system = first[0]["content"] if first else None
        self.turns = messages[len(first) :]


def _is_message(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"role", "content"}:
        return False
    return value["role"] in _ROLES and isinstance(value["content"], str)

"""`DataCollatorForChat`: conversations become batches in which what the assistant wrote is learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.errors import ArgumentError, InputError
from ...core.logging import warn_once
from .collator import Collator, array, padded


@dataclass
class DataCollatorForChat(Collator):
    """Writes conversations by the chat template, tokenizes and pads them, and makes labels; -100 is where nothing is learned.

    An example holds `messages`, and may hold `tools`, `documents` and `chat_template_kwargs`, further variables of the
    template. Padding is never learned, whichever token it is.

    Args:
        tokenizer: has a chat template, or `chat_template` is one.
        max_length: cut longer conversations to so many tokens.
        assistant_only_loss: learn what the assistant wrote, with the tokens that end its turns, and not what others wrote or
            the template writes before its turns; else everything is learned.
        messages_column: the column of the messages.
        chat_template: as of `apply_chat_template`.
        pad_to_multiple_of, return_tensors: as of `tokenizer.pad`.

    Raises:
        ArgumentError: the tokenizer has no padding token.
        InputError (in a call): an example without messages, with a message without role or content, or with turns of an
            assistant that are not found in its text.
    """

    tokenizer: Any
    max_length: int | None = None
    assistant_only_loss: bool = True
    messages_column: str = "messages"
    chat_template: str | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"

    _beside: ClassVar[tuple[str, ...]] = ("tools", "documents", "chat_template_kwargs")

    def __post_init__(self) -> None:
        if self.tokenizer.pad_token_id is None:
            raise ArgumentError("the tokenizer has no padding token; set tokenizer.pad_token (its eos_token may be it)")

    @property
    def columns(self) -> tuple[str, ...]:
        """What examples may hold."""
        return (self.messages_column, *self._beside)

    def encode(self, example: Mapping[str, Any]) -> dict[str, list[int]]:
        """The `input_ids` and `labels` of one example, for `dataset.map(collator.encode)`, to be packed."""
        return self._encoded(example, "")

    def _encoded(self, example: Mapping[str, Any], row: str) -> dict[str, list[int]]:
        messages = example.get(self.messages_column)
        if not messages:
            raise InputError(
                f"{row or 'an example'} holds {', '.join(map(str, example)):.200}; expected a conversation under"
                f" {self.messages_column!r} (messages_column)"
            )
        _check_messages(messages, row)
        tools, documents, variables = (example.get(name) or None for name in self._beside)
        encoded = self.tokenizer.apply_chat_template(
            messages,
            tools=tools,
            documents=documents,
            chat_template=self.chat_template,
            truncation=self.max_length is not None,
            max_length=self.max_length,
            return_assistant_tokens_mask=self.assistant_only_loss,
            **(variables or {}),
        )
        ids = list(encoded["input_ids"])
        learned = encoded["assistant_masks"] if self.assistant_only_loss else [1] * len(ids)
        if not any(learned):
            warn_once("nothing-learned", self._why_nothing_is_learned(messages, len(ids)))
        return {"input_ids": ids, "labels": [one if wanted else -100 for one, wanted in zip(ids, learned, strict=True)]}

    def _why_nothing_is_learned(self, messages: Any, tokens: int) -> str:
        cut = self.max_length is not None and tokens >= self.max_length
        why = f"max_length={self.max_length} cuts off all that the assistant wrote" if cut else "the assistant wrote none of it"
        hint = "raise max_length" if cut else "take out conversations without an assistant, or pass assistant_only_loss=False"
        return f"nothing is learned of a conversation of {len(messages)} messages ({tokens} tokens): {why}; {hint}"

    def collate(self, features: list[dict[str, Any]], kind: str) -> Any:
        """The padded batch: `input_ids`, `attention_mask` and `labels` (B, T)."""
        rows = [self._encoded(each, f"row {number}") for number, each in enumerate(features)]
        batch = self.tokenizer.pad(
            [{"input_ids": row["input_ids"], "attention_mask": [1] * len(row["input_ids"])} for row in rows],
            pad_to_multiple_of=self.pad_to_multiple_of,
            return_tensors=kind,
        )
        labels = padded([row["labels"] for row in rows], batch["input_ids"].shape[1], -100, self.tokenizer.padding_side)
        batch["labels"] = array(labels, kind, "int64")
        return batch


def _check_messages(messages: Any, row: str) -> None:
    """Refuse messages that a template would write as "None", or not at all; what is no list, the tokenizer judges."""
    for number, message in enumerate(messages if isinstance(messages, list | tuple) else ()):
        place = f"message {number} of {row or 'a conversation'}"
        if not isinstance(message, Mapping):
            raise InputError(f"{place} is a {type(message).__name__}; expected a mapping with role and content")
        if not isinstance(message.get("role"), str):
            raise InputError(
                f"{place} has the role {message.get('role')!r:.40}; expected 'system', 'user', 'assistant' or 'tool'"
            )
        if all(value is None for name, value in message.items() if name != "role"):
            raise InputError(f"{place} ({message['role']}) has no content; expected a text, or tool_calls")

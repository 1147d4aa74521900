"""Conversations to prompts, by the template that a checkpoint brings along."""

import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from tokenizers import AddedToken

from ....core.errors import ArgumentError, InputError
from ....core.logging import warn_once
from .control_tokens import mark, pattern_of
from .tool_schema import get_json_schema

CHATML = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Span = tuple[int, int]


class RenderedPrompt(str):
    """A conversation as text, special tokens included: a tokenizer adds none to it. Adding text to it keeps that."""

    __slots__ = ()

    def __add__(self, other: str) -> "RenderedPrompt":
        return RenderedPrompt(str.__add__(self, other))


def read_templates(value: Any) -> str | dict[str, str] | None:
    """The template or the named templates that a file or a caller gives; a list holds mappings of `name` and `template`.

    Raises:
        InputError: neither a text, nor texts by name.
    """
    named = isinstance(value, list | tuple)
    if named and all(isinstance(one, Mapping) and {"name", "template"} <= one.keys() for one in value):
        value = {one["name"]: one["template"] for one in value}
    if isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair):
        return dict(value) or None
    if value is None or isinstance(value, str):
        return value
    raise InputError(f"chat_template is a text, or texts by name; found {type(value).__name__} {value!r:.60}")


class ChatTemplates:
    """`apply_chat_template` and `chat_template`, a text, named texts, or None."""

    chat_template: str | dict[str, str] | None
    chat_control_tokens: Sequence[str] | None = None

    def added_tokens(self) -> Iterable[AddedToken]:
        """The tokens beside the vocabulary's own."""
        return ()

    def _control_texts(self) -> list[str]:
        return [token.content for token in self.added_tokens()]

    def encode_with_marks(
        self, prompts: Sequence[str], batched: bool, tokens: re.Pattern[str], options: Mapping[str, Any]
    ) -> Any:
        """The encoding of prompts in which control tokens are marked; see `control_tokens`."""
        raise InputError(f"{type(self).__name__} has no tokenizer")

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """Role -> token; each is a variable of the template."""
        return {}

    def get_chat_template(self, chat_template: str | None = None, tools: Sequence[Any] | None = None) -> str:
        """The template to use: `chat_template` (a name of this tokenizer's, or a template itself), or this tokenizer's.

        Of several, `tool_use` is taken when there are tools, else `default`.

        Raises:
            InputError: there is none, or none of that name can be meant.
        """
        templates = read_templates(self.chat_template)
        if chat_template is not None and not isinstance(chat_template, str):
            raise InputError(f"chat_template= is a template or the name of one; found {chat_template!r:.60}")
        if not isinstance(templates, dict):
            chosen = templates if chat_template is None else chat_template
            if chosen is None:
                raise InputError(
                    "this tokenizer has no chat template: set tokenizer.chat_template, or pass chat_template= (CHATML is one)"
                )
            return chosen
        if chat_template is not None:
            return templates.get(chat_template, chat_template)
        name = "tool_use" if tools is not None and "tool_use" in templates else "default"
        if name not in templates:
            raise InputError(
                f"this tokenizer has the chat templates {', '.join(templates)} and no default one; pass chat_template=name"
            )
        return templates[name]

    def encode_message_with_chat_template(
        self, message: Mapping[str, Any], conversation_history: Sequence[Mapping[str, Any]] | None = None, **options: Any
    ) -> list[int]:
        """The ids that one more `message` adds behind `conversation_history`; options are those of `apply_chat_template`.

        Raises:
            InputError: `add_generation_prompt` is set, which comes behind all messages; or the template writes a conversation
                otherwise than its beginning with the message behind it.
        """
        if "add_generation_prompt" in options:
            raise InputError("a message is encoded without add_generation_prompt: that comes behind the last one")
        history = list(conversation_history or ())
        before: list[int] = self.apply_chat_template(history, return_dict=False, **options) if history else []
        ids: list[int] = self.apply_chat_template([*history, message], return_dict=False, **options)
        if ids[: len(before)] != before:
            raise InputError(
                "the chat template does not add a message behind those before it: it writes them otherwise with it than without"
            )
        return ids[len(before) :]

    def apply_chat_template(
        self,
        conversation: Any,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Mapping[str, str]] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        tokenize: bool = True,
        sanitize_control_tokens: bool = False,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = True,
        return_assistant_tokens_mask: bool = False,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **variables: Any,
    ) -> Any:
        """Render a conversation, or a list of them, and tokenize it without adding special tokens.

        Args:
            conversation: messages, mappings with `role` and `content`; tools: Python functions or their JSON schemas.
            add_generation_prompt: end with the header of an assistant's turn.
            continue_final_message: leave the last message open, so that a model goes on with it; a text names its field.
            tokenize: False returns the text. return_dict: False returns only the ids.
            sanitize_control_tokens: encode control tokens in messages, tools, documents and variables as text, so that only the
                template's own are tokens. They are the special tokens and those of `chat_control_tokens`, or, where that is not
                set, the added tokens that the template writes. One that a template puts together of pieces is not seen.
            return_assistant_tokens_mask: add `assistant_masks`, 1 for what `{% generation %}` blocks write; of a template
                without such, for what assistants' turns add behind a generation prompt, with the token that ends a turn.
            variables: further variables of the template.

        Raises:
            InputError: no template, no messages, a template that fails on them, or a mask of a conversation in which the
                assistant has turns, none of which is found in what the template writes.
            jinja2.TemplateError: the template itself complains, or (`SecurityError`) tries what it must not. The line is named.
        """
        if add_generation_prompt and continue_final_message:
            raise ArgumentError(
                "add_generation_prompt begins a new turn and continue_final_message stays in the last; pass one"
            )
        if sanitize_control_tokens and (return_assistant_tokens_mask or not tokenize):
            raise ArgumentError("sanitize_control_tokens needs tokenize=True and no return_assistant_tokens_mask")
        if return_assistant_tokens_mask and not (tokenize and return_dict):
            raise ArgumentError("return_assistant_tokens_mask needs tokenize=True and return_dict=True")
        chats, batched = split_conversations(conversation)
        for name, value in (("tools", tools), ("documents", documents)):
            if value is not None and not isinstance(value, list | tuple):
                raise InputError(f"{name} is a list; found {type(value).__name__} {value!r:.60}")
        if not isinstance(tokenizer_kwargs, Mapping | None) or "add_special_tokens" in (tokenizer_kwargs or {}):
            raise ArgumentError(
                "tokenizer_kwargs are the options of the tokenizer's call, without add_special_tokens (the template writes"
                f" them); found {tokenizer_kwargs!r:.60}"
            )
        schemas = None if tools is None else [schema_of(tool) for tool in tools]
        source = self.get_chat_template(chat_template, tools)
        pattern = None
        if sanitize_control_tokens:
            pattern = pattern_of(self.added_tokens(), source, self.chat_control_tokens)
            chats, schemas, documents, variables = mark((chats, schemas, documents, variables), pattern)
        context = {
            **self.special_tokens_map,
            "tools": schemas,
            "documents": documents,
            "add_generation_prompt": add_generation_prompt,
            **variables,
        }
        prompts, spans, whole_tokens = [], [], []
        for chat in chats:
            text, marked = render(source, chat, context, continue_final_message, return_assistant_tokens_mask)
            prompts.append(RenderedPrompt(text))
            whole_tokens.append(marked is None)
            if marked is None:
                marked = written_by_assistant(source, chat, context, text, self._control_texts())
            spans.append(marked)
        if not tokenize:
            return prompts if batched else prompts[0]
        encode: Callable[..., Any] = self  # type: ignore[assignment]
        options = {"padding": padding, "truncation": truncation, "max_length": max_length, "return_tensors": return_tensors}
        options |= tokenizer_kwargs or {}
        if pattern is not None:
            encoded = self.encode_with_marks(prompts, batched, pattern, options)
            return encoded if return_dict else encoded["input_ids"]
        encoded = encode(prompts if batched else prompts[0], **options, add_special_tokens=False)
        if return_assistant_tokens_mask:
            masks = [_mask(*each) for each in zip(encoded.encodings, spans, whole_tokens, strict=True)]
            encoded["assistant_masks"] = masks if batched or return_tensors else masks[0]
            encoded.convert_to_tensors(return_tensors)
        return encoded if return_dict else encoded["input_ids"]


def _messages(chat: Any) -> Any:
    """The list itself, or what an object of another library carries as `messages`."""
    return getattr(chat, "messages", chat)


def split_conversations(conversation: Any) -> tuple[list[list[Any]], bool]:
    """A conversation, or several, as a list of them, and whether there were several; messages are checked."""
    chats = _messages(conversation)
    if not isinstance(chats, list | tuple) or not chats:
        raise InputError(f"a conversation is a list of messages with 'role' and 'content'; found {conversation!r:.80}")
    batched = isinstance(chats[0], list | tuple) or not isinstance(chats[0], Mapping)
    checked: list[Any] = [_messages(chat) for chat in chats] if batched else [chats]
    for chat in checked:
        for message in chat if isinstance(chat, list | tuple) else [chat]:
            if not isinstance(message, Mapping):
                raise InputError(
                    f"a message is a mapping with 'role' and 'content'; found {type(message).__name__} {message!r:.60}"
                )
            if not isinstance(message.get("role"), str):
                warn_once("no-role", f"a message without 'role' is rendered as the template does: {message!r:.60}")
    # What is null is left out, as published: templates ask whether a message has content or calls of tools.
    return [[{key: value for key, value in one.items() if value is not None} for one in chat] for chat in checked], batched


def schema_of(tool: Any) -> Any:
    """The JSON schema of a tool, which may be a function."""
    if isinstance(tool, Mapping):
        return tool
    if callable(tool):
        return get_json_schema(tool)
    raise InputError(f"a tool is a function or a JSON schema of one; found {type(tool).__name__} {tool!r:.60}")


def render(
    source: str, chat: list[Any], context: Mapping[str, Any], unfinished: bool | str, marking: bool
) -> tuple[str, list[Span] | None]:
    """The text, and the parts that the template marks as the assistant's; None where these are asked for and it marks none."""
    secret = secrets.token_hex(8)
    marks = (f"\x02{secret}", f"\x03{secret}") if marking else ("", "")
    text = _run(source, {**context, "messages": chat}, marks)
    if unfinished:
        text = _open_end(source, chat, context, marks, text, unfinished if isinstance(unfinished, str) else "content")
    if not marking:
        return text, []
    return _take_out(text, marks) if marks[0] in text else (text, None)


def written_by_assistant(
    source: str, chat: list[Any], context: Mapping[str, Any], text: str, control_tokens: Iterable[str]
) -> list[Span]:
    """The spans of `text` that the assistant wrote, where the template marks none.

    Raises:
        InputError: there are turns of an assistant, and none of them is found.
    """
    from .assistant import assistant_spans  # and with it jinja2

    def rendered(messages: Sequence[Mapping[str, Any]], prompted: bool) -> str:
        return _run(source, {**context, "messages": list(messages), "add_generation_prompt": prompted}, ("", ""))

    whole = rendered(chat, False) if context.get("add_generation_prompt") else text
    spans = [span for span in assistant_spans(chat, whole, rendered, control_tokens) if span[0] < len(text)]
    if not spans and any(message.get("role") == "assistant" for message in chat):
        raise InputError(
            "return_assistant_tokens_mask: the assistant has turns here, and none of them is found in what the chat template"
            " writes; put {% generation %} and {% endgeneration %} around them in the template"
        )
    return spans


def _run(source: str, variables: dict[str, Any], marks: tuple[str, str]) -> str:
    from .sandbox import run  # and with it jinja2, which takes a tokenizer longer to import than all else that it needs

    return run(source, variables, marks)


def _take_out(text: str, marks: tuple[str, str]) -> tuple[str, list[Span]]:
    """The text without marks, and the spans that stood between them."""
    head, *parts = text.split(marks[0])
    spans = []
    for part in parts:
        inside, _, after = part.partition(marks[1])
        spans.append((len(head), len(head) + len(inside)))
        head += inside + after
    return head, spans


def _open_end(source: str, chat: list[Any], context: Mapping[str, Any], marks: tuple[str, str], text: str, field: str) -> str:
    """`text` up to where a field of the last message ends, found by rendering once more with a mark there."""
    end = f"\x04{secrets.token_hex(8)}"
    variables = {**context, "messages": [*chat[:-1], _with_end(chat[-1], end, field)]}
    head, marker, _ = _run(source, variables, marks).partition(end)
    for candidate in (head, head.rstrip()):
        if marker and text.startswith(candidate):
            return candidate
    raise InputError(
        "continue_final_message: the chat template does not write the last message as it is, so it cannot be left open"
    )


def _with_end(message: Mapping[str, Any], end: str, field: str) -> dict[str, Any]:
    content = message.get(field)
    if isinstance(content, str):
        return {**message, field: content + end}
    if isinstance(content, list) and content and isinstance(content[-1], Mapping) and isinstance(content[-1].get("text"), str):
        return {**message, field: [*content[:-1], {**content[-1], "text": content[-1]["text"] + end}]}
    raise InputError(f"continue_final_message needs text under {field!r} of the last message; found {content!r:.60}")


def _mask(row: Any, spans: Sequence[Span], whole: bool) -> list[int]:
    """1 for the tokens that stand for text in one of the spans; where these are `whole`, for those that begin in one."""
    firsts = sorted(first for first, _ in spans)
    lasts = list(accumulate((last for _, last in sorted(spans)), max))  # the furthest end of the spans up to each
    mask = []
    for start, end in row.offsets:
        # Offsets that are trimmed leave of a token of spaces only its end: it stands at least for what is before that.
        start = min(start, end - 1)
        begun = bisect_right(firsts, start) if whole else bisect_left(firsts, end)
        mask.append(int(begun > 0 and start < lasts[begun - 1]))
    return mask

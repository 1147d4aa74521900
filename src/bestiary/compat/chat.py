"""`render_jinja_template`: conversations to texts by a chat template alone (`transformers.utils.chat_template_utils`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import InputError
from ..core.logging import warn_once
from ..preprocess.text.chat.template import Span, render, schema_of, split_conversations


def render_jinja_template(
    conversations: Sequence[Any],
    tools: Sequence[Any] | None = None,
    documents: Sequence[Mapping[str, str]] | None = None,
    chat_template: str | None = None,
    return_assistant_tokens_mask: bool = False,
    continue_final_message: bool | str = False,
    add_generation_prompt: bool = False,
    **kwargs: Any,
) -> tuple[list[str], list[list[Span]]]:
    """The text of each conversation, and, with `return_assistant_tokens_mask`, the spans of it that the assistant wrote.

    Arguments are those of `apply_chat_template`; further ones are variables of the template.

    Raises:
        InputError: no template, no messages, or a template that fails on them.
    """
    if chat_template is None:
        raise InputError("render_jinja_template has no chat_template; pass the text of one")
    schemas = None if tools is None else [schema_of(tool) for tool in tools]
    variables = {"tools": schemas, "documents": documents, "add_generation_prompt": add_generation_prompt, **kwargs}
    chats, _ = split_conversations(conversations)
    marking = return_assistant_tokens_mask
    results = [render(chat_template, chat, variables, continue_final_message, marking) for chat in chats]
    if any(spans is None for _, spans in results):
        warn_once("no-marks", "the chat template marks nothing with {% generation %}: there are no spans of the assistant")
    return [text for text, _ in results], [spans or [] for _, spans in results] if marking else []

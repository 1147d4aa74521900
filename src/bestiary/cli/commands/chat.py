"""`bestiary chat`: a conversation in the terminal."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ...core.errors import BestiaryError, ConfigError
from .. import console, slash, streams
from ..conversation import Conversation, Message
from ..messages import history, read_message
from ..options import Opening, Stats
from ..sampling import DEFAULT_NEW_TOKENS, Sampling, context


@dataclass(kw_only=True)
class OpeningForChat(Opening):
    """The same, with a word on which models chat."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="Folder or name on the hub of a model made for chats, as HuggingFaceTB/SmolLM2-135M-Instruct; the one in the"
            " package only continues texts (bestiary generate).",
        ),
    ]


def run(
    *,
    opening: OpeningForChat,
    system: Annotated[str | None, typer.Option(help="What the model is told before the first message.")] = None,
    sampling: Sampling,
    stats: Stats = False,
) -> None:
    """Talk with a model made for chats. Each line is a message; /help lists what else there is. Ctrl-C stops a reply.

    When the context is full, the oldest turns leave.
    """
    settings = sampling.keywords()
    conversation = Conversation(None if system is None else streams.checked(system, "--system"))
    pipeline = opening.pipeline("text-generation")
    if not pipeline.tokenizer.chat_template:
        raise ConfigError(
            f"{opening.model} has no chat template, so it was not made for chats; "
            "use bestiary generate, or a model whose name says chat or instruct"
        )
    console.note("/help lists commands, /exit ends")
    with history():
        while True:
            try:
                line = read_message()
                if line is None:
                    return
                if line.startswith("/") and not line.startswith("//"):
                    slash.run(line, conversation)
                elif line:
                    _turn(pipeline, conversation, line.removeprefix("/") if line.startswith("//") else line, settings, stats)
            except slash.Left:
                return
            except (BestiaryError, OSError) as error:
                if isinstance(error, BrokenPipeError) or not streams.on_terminal(sys.stdin):
                    raise
                console.remark(f"error: {error}")


def _turn(pipeline: Any, conversation: Conversation, line: str, settings: dict[str, Any], stats: bool) -> None:
    """Send `line` and print the reply; both are kept, neither where it fails. Ctrl-C keeps what has come until then.

    Raises:
        CapacityError: the line has no room in the context. BestiaryError: as the pipeline.
    """
    from ..printer import Printer

    conversation.add("user", line)
    printer = Printer(pipeline.tokenizer)
    try:
        room = _make_room(pipeline, conversation, settings.get("max_new_tokens"))
        call = {"streamer": printer, "return_full_text": False, "continue_final_message": False}
        pipeline(conversation.messages(), **call, **{**settings, "max_new_tokens": room})
    except KeyboardInterrupt:
        console.note("(stopped)")
    except BaseException:
        conversation.turns.pop()
        raise
    streams.write("\n")
    conversation.add("assistant", printer.text)
    if stats:
        console.remark(printer.stats())


def _make_room(pipeline: Any, conversation: Conversation, wanted: int | None) -> int:
    """Let the oldest turns leave where the context is full; returns how many tokens the answer may have."""

    def count(messages: list[Message]) -> int:
        encoded = pipeline.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, tokenizer_kwargs={"verbose": False}
        )
        return len(encoded["input_ids"])

    room = context(pipeline.model)
    tokens = wanted or (DEFAULT_NEW_TOKENS if room is None else min(DEFAULT_NEW_TOKENS, room // 4))
    if dropped := conversation.fit(count, room, tokens):
        what = "the oldest message was" if dropped == 1 else f"the {dropped} oldest messages were"
        console.remark(f"(the context of {room} tokens is full: {what} dropped)")
    return tokens if room is None else min(wanted or DEFAULT_NEW_TOKENS, room - count(conversation.messages()))

"""The lines of a chat that are no messages: /help and the others, one function each, whose docstring is its help."""

from collections.abc import Callable
from pathlib import Path

from ..core.errors import did_you_mean
from .console import remark
from .conversation import Conversation


class Left(Exception):
    """The conversation is over."""


def run(line: str, conversation: Conversation) -> None:
    """Do what `line`, "/name argument", says.

    Raises:
        Left: it was /exit. BestiaryError, OSError: a file cannot be read or written.
    """
    name, _, argument = line[1:].partition(" ")
    name = _ALIASES.get(name, name)
    if name not in _COMMANDS:
        near = did_you_mean(name, _COMMANDS)
        remark(f"there is no /{name}.{near} /help lists what there is; a message that begins with / is sent as //...")
        return
    _COMMANDS[name](conversation, argument.strip())


def _help(conversation: Conversation, argument: str) -> None:
    """Show this."""
    for name, command in _COMMANDS.items():
        remark(f"/{name + _PARAMETERS.get(name, ''):<16} {command.__doc__}")
    remark(
        'A line that ends with \\ goes on in the next; lines between """ and """ are one message; // sends a / in front.\n'
        "Ctrl-C stops a reply, the end of input (Ctrl-D) ends."
    )


def _clear(conversation: Conversation, argument: str) -> None:
    """Forget all messages but the system's."""
    conversation.turns.clear()


def _system(conversation: Conversation, argument: str) -> None:
    """Show or set what the model is told before the first message (/system - takes it away)."""
    if argument:
        conversation.system = None if argument == "-" else argument
    remark("there is no system message" if conversation.system is None else f"system: {conversation.system}")


def _save(conversation: Conversation, argument: str) -> None:
    """Write the conversation to a file, as JSON."""
    if not argument:
        remark("/save needs the name of a file")
        return
    path = Path(argument).expanduser()
    conversation.save(path)
    count = len(conversation.messages())
    remark(f"{count} message{' is' if count == 1 else 's are'} in {path.resolve()}")


def _load(conversation: Conversation, argument: str) -> None:
    """Go on from a file that /save wrote."""
    if not argument:
        remark("/load needs the name of a file")
        return
    conversation.load(Path(argument).expanduser())
    count = len(conversation.messages())
    remark(f"{count} message{' was' if count == 1 else 's were'} read")


def _exit(conversation: Conversation, argument: str) -> None:
    """End."""
    raise Left


_COMMANDS: dict[str, Callable[[Conversation, str], None]] = {
    "help": _help,
    "clear": _clear,
    "system": _system,
    "save": _save,
    "load": _load,
    "exit": _exit,
}
_PARAMETERS = {"system": " [TEXT]", "save": " FILE", "load": " FILE"}
_ALIASES = {"reset": "clear", "quit": "exit", "?": "help"}

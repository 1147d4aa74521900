"""The command `bestiary`. One file per command in `commands/`: its name is the command's, its function `run` does the work.

Exit codes: 0 done, 1 failed while running, 2 used wrongly, 130 stopped by Ctrl-C. Each failure is one line on stderr; that
nobody reads stdout any more is a failure (1) without a line.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Annotated, Any

from ..core import plugins
from ..core.errors import ArgumentError, BestiaryError, FileMissing, InputError, MissingDependency, PluginError, did_you_mean
from ..core.optional import require

_COMMANDS = f"{__package__}.commands"
_TAKES_ALL = {"ignore_unknown_options": True, "allow_extra_args": True}
_STARTERS = ("launch",)  # commands that start a program: all that follows its name is its own
_ENDS_AT_SCRIPT = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line `arguments` (without the program's name; by default those of this process), and exit."""
    line = list(sys.argv[1:] if arguments is None else arguments)
    words = line[: line.index("--")] if "--" in line else [] if line[:1] and line[0] in _STARTERS else line
    debug = "--debug" in words  # accepted anywhere, so that it can be added to the end of a line that failed
    if debug:
        line.remove("--debug")
    warnings.showwarning = _show_warning
    if sys.stdout is None:
        sys.exit(_fail(1, "stdout is closed, so nothing can be printed; send it to a file, or to /dev/null"))
    try:
        code = _run(line, debug)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = _abandon_stdout(1)
    except OSError as error:
        code = _abandon_stdout(_fail(1, f"stdout cannot be written: {error.strerror}"))
    sys.exit(code)


def _abandon_stdout(code: int) -> int:
    """Drop what stdout still holds, which could not be written: the interpreter would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _run(arguments: list[str], debug: bool) -> int:
    """Run the command line and return its exit code; an error becomes one line on stderr."""
    try:
        typer: Any = require("typer", "the command line")
        require("rich", "the command line")
    except MissingDependency as error:
        return _fail(1, str(error))
    from .streams import escape_output

    escape_output()
    usage_error: Any = typer.BadParameter.__base__  # typer gives it no name of its own
    try:
        code = _application(typer)(args=arguments, prog_name="bestiary", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except usage_error as error:
        is_missing = isinstance(error, typer.BadParameter) and not error.message  # of the parameter nothing more is said
        return _fail(2, _usage(error, arguments, error.param.help if is_missing else ""))
    except typer.Abort:  # how typer tells Ctrl-C
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (the last place where an error can be told)
        if debug:
            traceback.print_exc()
            return 1
        is_told = isinstance(error, BestiaryError | OSError)  # these say what to do
        misuse = isinstance(error, ArgumentError | InputError | FileMissing)
        return _fail(
            2 if misuse else 1, str(error) if is_told else f"{type(error).__name__}: {error} (unexpected; --debug shows where)"
        )


def _application(typer: Any) -> Callable[..., Any]:
    """The commands of `commands/` as one application; a file that cannot be one stops itself alone."""
    commands = {name.replace("_", "-"): _command(name) for name in plugins.names(_COMMANDS)}
    try:
        return _assembled(typer, commands)
    except Exception:  # noqa: BLE001 (typer reads parameters only here, and does not say whose it refuses)
        return _assembled(typer, {name: _checked(typer, name, run) for name, run in commands.items()})


def _command(name: str) -> Callable[..., None] | PluginError:
    """The function of a command, with its parameters as typer reads them, or why there is none."""
    from .options import flat

    try:
        return flat(plugins.definition(_COMMANDS, name, "command", "run"))
    except PluginError as error:
        return error
    except Exception as error:  # noqa: BLE001 (whatever a broken file raises; it must not hide the other commands)
        return _not_a_command(name, error)


def _checked(typer: Any, name: str, run: Callable[..., None] | PluginError) -> Callable[..., None] | PluginError:
    """`run`, or why typer makes no command of it."""
    try:
        _assembled(typer, {name: run})
    except Exception as error:  # noqa: BLE001 (see `_application`)
        return _not_a_command(name.replace("-", "_"), error)
    return run


def _not_a_command(name: str, error: Exception) -> PluginError:
    return PluginError(f"{_COMMANDS}.{name}: run cannot be made a command: {type(error).__name__}: {error}")


def _assembled(typer: Any, commands: dict[str, Callable[..., None] | PluginError]) -> Callable[..., Any]:
    """One application of these commands; what is an error instead is raised when its command is called."""
    app = typer.Typer(
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,  # plain help: importing rich would take longer than all the rest
        pretty_exceptions_enable=False,
        help="Transformer models of text, images and sound: generate, chat, embed, classify, transcribe, inspect.",
        epilog="--debug, anywhere, shows the full traceback of an error.",
    )

    def start(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    ) -> None:
        if version:
            from .. import __version__

            print(f"bestiary {__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            print(context.get_help())

    app.callback(invoke_without_command=True)(start)
    for name, run in commands.items():
        if isinstance(run, PluginError):
            app.command(name, help="(broken; running it says why)", context_settings=_TAKES_ALL)(_raising(run))
        else:
            app.command(name, context_settings=_ENDS_AT_SCRIPT if name in _STARTERS else None)(run)
    application: Callable[..., Any] = typer.main.get_command(app)
    return application


def _raising(error: Exception) -> Callable[[], None]:
    """What stands in for a command that cannot be used."""

    def run() -> None:
        raise error

    return run


def _usage(error: Any, arguments: list[str], description: str) -> str:
    """One line that says what is wrong, and where help is; `description` is the help of a parameter that is missing."""
    message = " ".join(filter(None, (error.format_message(), description)))
    unknown = next((word for word in arguments if not word.startswith("-")), "")
    commands = [name.replace("_", "-") for name in plugins.names(_COMMANDS)]
    place = f" {unknown}" if unknown in commands else ""
    if not place and unknown:
        message = f"there is no command {unknown!r:.80}.{did_you_mean(unknown, commands)} Commands: {', '.join(commands)}"
    return f"{message} (see bestiary{place} --help)"


def _fail(code: int, message: str) -> int:
    print(f"bestiary: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"bestiary: warning: {' '.join(str(message).split())}", file=sys.stderr)

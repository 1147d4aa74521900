"""How the next token is chosen. Each strategy has a file in `strategies/` or `older/`, which holds its class as `STRATEGY`.

These constants, where they are of use, are read without importing the file:

    OPTIONS: the options that it declares (see `options`)
    CHOSEN_BY: options, or arguments of the call, of which each asks for this strategy
    REPLACES: strategies that it takes the place of where both are asked for
    EXCLUDES: options that exclude it; the one from the nearer source counts
    WHEN_DRAWING: the strategy in its place where tokens are drawn (`do_sample`)
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core import plugins
from ..core.errors import ConfigError
from .call import Call
from .config import SOURCES, GenerationConfig
from .decoding import Decoding
from .options import check_declared
from .outputs import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput

# The arguments of a call, besides options, that can ask for a strategy.
ARGUMENTS = ("assistant_model", "assistant_tokenizer")
_FOLDERS = (f"{__package__}.strategies", f"{__package__}.older")


@dataclass
class NextTokens:
    """What a strategy decided in one step.

    tokens (R,) or (R, n): the new tokens of each row. parents (R,): the row that each row goes on from, None for itself.
    """

    tokens: Tensor
    parents: Tensor | None = None


class Strategy(ABC):
    """Decides, step by step, how the rows of a `Decoding` go on.

    Class attributes:
        outputs: the class of the result, of a decoder and of an encoder-decoder.
        final: whether a token that was chosen stays; where it does not, `agreed` says what does.
        whole_prompt: whether it needs the states of the whole prompt in one pass.
        row_seeds: whether each row draws by a seed of its own, which the strategy takes from the call when it starts.
    """

    outputs: ClassVar[tuple[type[Any], type[Any]]] = (GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput)
    final: ClassVar[bool] = True
    whole_prompt: ClassVar[bool] = False
    row_seeds: ClassVar[bool] = False

    def __init__(self, settings: GenerationConfig, generator: torch.Generator | None = None) -> None:
        self.settings = settings
        self.generator = generator

    @classmethod
    def rows(cls, settings: GenerationConfig) -> int:
        """Rows that the decoding needs for each input.

        Raises:
            ConfigError: settings that concern the strategy clash.
        """
        return settings.num_return_sequences or 1

    def start(self, run: Decoding, call: Call) -> None:  # noqa: B027
        """Look at everything that the call brought, and refuse what cannot be done. Once, before the first step."""

    def end(self, run: Decoding) -> None:  # noqa: B027
        """Leave the cache with all tokens but the last. Once, after the last step, also where the reader gave up."""

    def look(self, run: Decoding) -> tuple[Any, Tensor]:
        """Run the model on what it has not seen; returns its output and the logits (R, V) to choose by."""
        output = run.forward()
        return output, output.logits[:, -1]

    def score(self, run: Decoding, logits: Tensor) -> Tensor:
        """The scores (R, V), fp32, that `choose` gets for `logits` (R, V)."""
        return run.process(logits)

    @abstractmethod
    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        """The next tokens, given the processed scores (R, V)."""

    def settle(self, run: Decoding, scores: Tensor) -> None:
        """Say which rows have ended, once the tokens chosen by `scores` (R, V) are there."""
        run.finish.update(run.ids, scores)

    def sequences(self, run: Decoding) -> Tensor:
        """The rows to return, (rows to return, T)."""
        return run.ids.clone()

    def reasons(self, run: Decoding) -> list[str]:
        """What ended each of the rows to return."""
        return run.finish.reasons()

    def extras(self, run: Decoding) -> dict[str, Any]:
        """Further fields of the result."""
        return {}

    def leave_cache(self, run: Decoding, sequences: Tensor) -> None:
        """Make the cache hold `sequences` (N, T) but for the last token of each."""
        run.rewind(sequences.shape[1] - 1)


def rivals(strategy: str) -> tuple[str, ...]:
    """The options, or arguments of the call, that ask for another than `strategy` and those that take its place."""
    relatives = {strategy, *(name for name, replaced in _constants("REPLACES").items() if strategy in replaced)}
    return tuple(option for name, options in _constants("CHOSEN_BY").items() if name not in relatives for option in options)


def strategy_name(settings: GenerationConfig, **objects: Any) -> str:
    """The file name of the strategy that the settings, and the `objects` of the call, ask for.

    Raises:
        ConfigError: options ask for two at once.
    """
    options: dict[str, str] = {}  # strategy -> the option that asks for it
    for name, choosing in _constants("CHOSEN_BY").items():
        option = next((option for option in choosing if objects.get(option) or settings.is_set(option)), None)
        if option is not None and not _yields(settings, option, name):
            options[name] = option
    for replaced in [other for name in options for other in _constants("REPLACES").get(name, ())]:
        options.pop(replaced, None)
    if len(options) > 1:
        general = _constants("WHEN_DRAWING")  # searches by width are named before what changes how a row goes on
        in_order = sorted(options, key=lambda name: name not in general)
        first, second = (_shown(settings, options[name], objects) for name in in_order[:2])
        raise ConfigError(f"{first} and {second} exclude each other: each is a strategy")
    name = next(iter(options), "greedy")
    return str(_constants("WHEN_DRAWING").get(name, name)) if settings.do_sample else name


def _yields(settings: GenerationConfig, option: str, strategy: str) -> bool:
    """Whether `option`, which asks for `strategy`, counts less than one that excludes it: the nearer source counts.

    Raises:
        ConfigError: both come from the caller at once.
    """
    for other in _constants("EXCLUDES").get(strategy, ()):
        if not settings.is_set(other):
            continue
        nearer = SOURCES.index(settings.origin(option)) - SOURCES.index(settings.origin(other))
        if nearer == 0 and settings.origin(option) != "checkpoint":
            values = f"{other}={settings.effective(other)} and {option}={settings.effective(option)}"
            raise ConfigError(f"{values} exclude each other: {strategy} decoding has no {other}")
        if nearer <= 0:
            return True
    return False


def _shown(settings: GenerationConfig, option: str, objects: dict[str, Any]) -> str:
    """`option=value (where it comes from)`."""
    value, origin = settings.effective(option), settings.origin(option)
    if objects.get(option):
        value, origin = objects[option], "call"
    return f"{option}={value if isinstance(value, int | float | str | list) else f'<{type(value).__name__}>'} ({origin})"


@cache
def _constants(name: str) -> dict[str, Any]:
    """Strategy -> the constant `name` of its file; only of those that have it.

    Raises:
        PluginError: a file names an option that nobody declares, or one by which another is chosen.
    """
    if name in ("CHOSEN_BY", "EXCLUDES"):
        for folder in _FOLDERS:
            check_declared(folder, name, ARGUMENTS)
    kind = str if name == "WHEN_DRAWING" else plugins.Names
    constants = {
        f"{folder}.{file}": value for folder in _FOLDERS for file, value in plugins.literals(folder, name, kind).items()
    }
    if name == "CHOSEN_BY":
        plugins.check_unique(f"{name} with", constants)
    return {file.rpartition(".")[2]: value for file, value in constants.items()}


def strategy_class(name: str) -> type[Strategy]:
    """The strategy class of the file `name`."""
    folder = next((folder for folder in _FOLDERS if name in plugins.names(folder)), _FOLDERS[0])
    kind: type[Strategy] = plugins.definition(folder, name, "strategy", "STRATEGY", Strategy)
    return kind


def plain_strategy(settings: GenerationConfig, generator: torch.Generator | None, run: Decoding, call: Call) -> Strategy:
    """Greedy decoding or draws, started: what a strategy goes by that only changes scores or guesses ahead."""
    strategy = strategy_class("sample" if settings.do_sample else "greedy")(settings, generator)
    strategy.start(run, call)
    return strategy

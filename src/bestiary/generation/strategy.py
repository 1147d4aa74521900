"""How the next token is chosen. Each strategy has a file in `strategies/` or `older/`, named as in `CHOICES`.

A file holds the class (`Strategy`), `OPTIONS` (the settings it reads) and nothing else that others need to know.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ..core import plugins
from ..core.errors import ArgumentError, ConfigError
from .config import GenerationConfig
from .outputs import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput

if TYPE_CHECKING:
    from .loop import Decoding
    from .start import Call

Tensor = torch.Tensor

_FOLDERS = (f"{__package__}.strategies", f"{__package__}.older")


@dataclass
class Choice:
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

    def start(self, run: "Decoding", call: "Call") -> None:  # noqa: B027
        """Look at everything that the call brought, and refuse what cannot be done. Once, before the first step."""

    def end(self, run: "Decoding") -> None:  # noqa: B027
        """Leave the cache with all tokens but the last. Once, after the last step, also where the reader gave up."""

    def look(self, run: "Decoding") -> tuple[Any, Tensor]:
        """Run the model on what it has not seen; returns its output and the logits (R, V) to choose by."""
        output = run.forward()
        return output, output.logits[:, -1]

    def score(self, run: "Decoding", logits: Tensor) -> Tensor:
        """The scores (R, V), fp32, that `choose` gets for `logits` (R, V)."""
        return run.process(logits)

    @abstractmethod
    def choose(self, run: "Decoding", scores: Tensor) -> Choice:
        """The next tokens, given the processed scores (R, V)."""

    def settle(self, run: "Decoding", scores: Tensor) -> None:
        """Say which rows have ended, once the tokens chosen by `scores` (R, V) are there."""
        run.finish.update(run.ids, scores)

    def sequences(self, run: "Decoding") -> Tensor:
        """The rows to return, (rows to return, T)."""
        return run.ids.clone()

    def reasons(self, run: "Decoding") -> list[str]:
        """What ended each of the rows to return."""
        return run.finish.reasons()

    def extras(self, run: "Decoding") -> dict[str, Any]:
        """Further fields of the result."""
        return {}

    def leave_cache(self, run: "Decoding", sequences: Tensor) -> None:
        """Make the cache hold `sequences` (N, T) but for the last token of each."""
        run.rewind(sequences.shape[1] - 1)


# Which option picks which strategy, in the order in which they are asked; else tokens are drawn or the best one is taken.
CHOICES = (
    ("constrained_beam", "constraints"),
    ("constrained_beam", "force_words_ids"),
    ("group_beam", "num_beam_groups"),
    ("beam", "num_beams"),
    ("assisted", "assistant_model"),
    ("assisted", "assistant_early_exit"),
    ("prompt_lookup", "prompt_lookup_num_tokens"),
    ("dola", "dola_layers"),
    ("contrastive", "penalty_alpha"),
)


def strategy_name(settings: GenerationConfig, **passed: Any) -> str:
    """The file name of the strategy that the settings, and the objects `passed` to the call, ask for.

    Raises:
        ArgumentError: there is no such strategy here. ConfigError: options ask for two at once.
    """
    name, option, value = "sample" if settings.do_sample else "greedy", "do_sample", settings.do_sample
    asked = [(candidate, name) for candidate, name in CHOICES if _asked(settings, name, passed)]
    if asked:
        name, option = asked[0]
        value = passed.get(option, settings.effective(option))
    for candidate, other in asked[1:]:
        if candidate != name and not (candidate.endswith("beam") and name.endswith("beam")):
            values = _shown(value), _shown(passed.get(other, settings.effective(other)))
            where = settings.origin(option), settings.origin(other)
            raise ConfigError(
                f"{option}={values[0]} ({where[0]}) and {other}={values[1]} ({where[1]}) exclude each other: each is a strategy"
            )
    if name == "beam" and settings.do_sample:
        name = "beam_sample"
    known = sorted(_folders())
    if name not in known:
        raise ArgumentError(
            f"{option}={_shown(value)} ({settings.origin(option)}) asks for the strategy {name!r}, which this version does not "
            f"have; it has {', '.join(known)}"
        )
    return name


def _asked(settings: GenerationConfig, option: str, passed: dict[str, Any]) -> bool:
    given = passed.get(option, settings.effective(option))
    if option == "penalty_alpha" and given and settings.do_sample:
        # Both say how a token is chosen: the nearer source counts.
        order = ("default", "checkpoint", "config", "call")
        nearer = order.index(settings.origin(option)) - order.index(settings.origin("do_sample"))
        if nearer == 0 and settings.origin(option) != "checkpoint":
            raise ConfigError(f"do_sample=True and penalty_alpha={given} exclude each other: contrastive search does not draw")
        return nearer > 0
    return bool(given) and not (option in ("num_beams", "num_beam_groups") and given == 1)


def _shown(value: Any) -> Any:
    return value if isinstance(value, int | float | str | list) else f"<{type(value).__name__}>"


def _folders() -> dict[str, str]:
    """The folder of each strategy."""
    return {name: folder for folder in _FOLDERS for name in plugins.names(folder)}


def strategy_options() -> frozenset[str]:
    """The settings that some strategy reads."""
    return frozenset(option for name, folder in _folders().items() for option in plugins.load(folder, name, "strategy").OPTIONS)


def strategy_class(name: str) -> type[Strategy]:
    """The strategy class of the file `name`."""
    found: type[Strategy] = plugins.load(_folders()[name], name, "strategy").STRATEGY
    return found

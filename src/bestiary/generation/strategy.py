"""How the next token is chosen. Each strategy has a file in `strategies/` or `older/`, which holds its class as `STRATEGY`.

Constants at its top, which are read without importing it, say when it is chosen: see `choice`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core import plugins
from . import choice
from .call import Call
from .config import GenerationConfig
from .decoding import Decoding
from .outputs import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput


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


def strategy_class(name: str) -> type[Strategy]:
    """The strategy class of the file `name`."""
    folder = next((folder for folder in choice.FOLDERS if name in plugins.names(folder)), choice.FOLDERS[0])
    kind: type[Strategy] = plugins.definition(folder, name, "strategy", "STRATEGY", Strategy)
    return kind


def plain_strategy(settings: GenerationConfig, generator: torch.Generator | None, run: Decoding, call: Call) -> Strategy:
    """Greedy decoding or draws, started: what a strategy goes by that only changes scores or guesses ahead."""
    strategy = strategy_class("sample" if settings.do_sample else "greedy")(settings, generator)
    strategy.start(run, call)
    return strategy

"""The one decoding loop: `decode` yields a `Step` for every token, whatever the strategy, the model and the cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.errors import NumericsError, PluginError
from .decoding import Decoding
from .strategy import NextTokens, Strategy


@dataclass
class Step:
    """What one step did. R rows.

    tokens (R,) or (R, n): the new tokens, padding in rows that were finished. running (R,): rows that go on after it.
    logits, scores (R, V): the model's own, and those the choice was made by. parents (R,): the row each row went on from,
    None for itself. output: all that the model returned.
    """

    tokens: Tensor
    running: Tensor
    logits: Tensor
    scores: Tensor
    parents: Tensor | None
    output: Any


def decode(run: Decoding, strategy: Strategy) -> Iterator[Step]:
    """Choose tokens until every row is finished; yields after each step.

    Raises:
        NumericsError: the model gives NaN. PluginError: the strategy's `choose` gives no `NextTokens`.
    """
    first, chunk = True, run.settings.prefill_chunk_size
    # Processors may ban all, or make NaN, at any step; on an accelerator the answer would have to be waited for.
    looks = bool(run.processors) and strategy.final and run.ids.device.type == "cpu"
    try:
        if chunk:
            run.prefill(chunk)
        while True:
            output, logits = strategy.look(run)
            if run.finish.was_over():
                return
            scores = strategy.score(run, logits)
            if first:
                check_numbers(scores, run, run.finish.running)
                first = False
            choice = strategy.choose(run, scores)
            if not isinstance(choice, NextTokens):
                raise PluginError(f"{type(strategy).__module__}: choose gave a {type(choice).__name__}; expected NextTokens")
            if choice.parents is not None:
                run.reorder(choice.parents)
            elif looks and not bool((scores.gather(1, choice.tokens.unsqueeze(1)) > -torch.inf).all()):
                check_numbers(scores, run, run.finish.running)
            tokens = run.finish.fill(choice.tokens)
            run.commit(tokens)
            going = run.finish.running
            strategy.settle(run, scores)
            over = run.finish.over(run.length)
            yield Step(tokens, run.finish.running, logits, scores, choice.parents, output)
            if over:
                # A beam may come to nothing where others go on; whether anything is left of a prompt its strategy says.
                check_numbers(scores, run, going & strategy.final)
                return
    except GeneratorExit:  # the reader has had enough
        raise
    except BaseException:
        run.give_up()
        raise
    finally:
        strategy.end(run)


def check_numbers(scores: Tensor, run: Decoding, going: Tensor) -> None:
    """Refuse scores (R, V) with NaN, or with nothing to choose in rows that were `going` on (R,).

    Asked at both ends: through the cache, a NaN spoils all that comes after it.
    """
    best = scores.amax(-1)
    broken, empty = best.isnan(), best.isneginf() & going
    if bool(empty.any()):
        raise NumericsError(
            f"row {int(empty.int().argmax())} has nothing to choose from after {run.length} tokens: every token is banned"
        )
    if not run.settings.remove_invalid_values and bool(broken.any()):
        row = int(broken.int().argmax())
        raise NumericsError(
            f"the scores of row {row} hold NaN after {run.length} tokens: the weights, the input or a processor are broken, or "
            f"{run.model.dtype} overflows; remove_invalid_values=True generates regardless"
        )

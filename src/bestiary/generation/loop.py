"""The one decoding loop: `decode` yields a `Step` for every token, whatever the strategy, the model and the cache."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..core.errors import NumericsError
from . import compiled
from .finish import Finish
from .prepare import Prepared, map_rows, repeat_rows
from .processor import LogitsProcessorList
from .strategy import Strategy

Tensor = torch.Tensor

# Room that is made at a time for tokens to come, where the end is far.
_ROOM = 1024


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


class Decoding:
    """The rows of one generation, the cache, and the model that continues them.

    Attributes:
        length: tokens of each row. fed: slots that the model has seen, which is what the cache holds.
    """

    def __init__(self, model: Any, prepared: Prepared, processors: LogitsProcessorList, finish: Finish) -> None:
        self.model = model
        self.settings = prepared.settings
        self.cache = prepared.cache
        self.processors = processors
        self.finish = finish
        self.length = prepared.ids.shape[1]
        self.fed = self._held = 0 if self.cache is None else self.cache.get_seq_length()
        self._given = prepared
        self._ids = self._with_room(prepared.ids)
        mask = prepared.mask
        if mask is None and self.cache is None:
            # Without a cache the model sees again what it wrote, and a padding token among it is no padding.
            mask = prepared.ids.new_ones(prepared.ids.shape[0], self.slots)
        self._mask = None if mask is None else self._with_room(mask, fill=1)
        self._positions: Tensor | None = None
        self._first = True
        self._before: tuple[int, list[Any]] | None = None
        self._compiled = compiled.step_of(model, prepared)

    @property
    def ids(self) -> Tensor:
        """The tokens so far, (R, length): a view of what the next step extends."""
        return self._ids[:, : self.length]

    @property
    def prepared(self) -> Prepared:
        """What the generation started with."""
        return self._given

    @property
    def slots(self) -> int:
        """Slots that the rows take up, those before the first token of `ids` included."""
        return self._given.offset + self.length

    def _with_room(self, given: Tensor, fill: int = 0) -> Tensor:
        room = min(max(self.finish.max_length - self.length, 1), _ROOM)
        return torch.cat([given, given.new_full((given.shape[0], room), fill)], dim=1)

    def forward(self, **options: Any) -> Any:
        """Run the model over the tokens it has not seen; `options` go to the model. Returns the model's output."""
        given, first = self._given, self._first
        slots = self.slots
        inputs: dict[str, Any] = {**given.constant, **(given.first if first else {}), **given.recorded, **options}
        if given.embeds is not None and self.fed < given.offset:
            inputs[given.names.embeds] = given.with_embeds(self.ids, self.model)
        else:
            inputs[given.names.ids] = self._ids[:, max(self.fed - given.offset, 0) : self.length]
        if self._mask is not None and (first or given.padded or self.cache is None):
            inputs[given.names.mask] = self._mask[:, :slots]
        if self._positions is not None:
            new = slots - self.fed
            inputs["position_ids"] = (
                self._positions if new == 1 else self._positions + torch.arange(new, device=self._ids.device)
            )
            self._positions = self._positions + new
        ids = inputs.pop(given.names.ids, None)
        cached = self.cache is not None
        call = self.model if self._compiled is None or first or slots - self.fed > 1 else self._compiled
        # The rows of a prompt are equal before the first token: the model sees it once.
        shared = self.cache if first and given.copies > 1 and self.fed == 0 and self._can_share() else None
        if shared is not None:
            rows, pick = self._ids.shape[0], lambda tensor: tensor[:: given.copies]
            ids, *values = (map_rows(value, pick, rows) for value in (ids, *inputs.values()))
            inputs = dict(zip(inputs, values, strict=True))
        output = call(
            **self.model.prepare_inputs_for_generation(
                ids, past_key_values=self.cache, use_cache=cached, is_first_iteration=first, **inputs
            )
        )
        if shared is not None:
            shared.batch_repeat_interleave(given.copies)
            output = repeat_rows(output, given.copies, rows // given.copies)
        if cached:
            self.fed = slots
            if first:
                self._positions = given.next_position(self._mask, slots)
        self._first = False
        return output

    def _can_share(self) -> bool:
        """Whether a cache can be filled for one row of each prompt and widened then, and nobody asks for all rows' states."""
        return self.cache is not None and not self.cache.is_compileable and not self._given.recorded

    def prefill(self, chunk: int) -> None:
        """Let the model see the prompt in parts of `chunk` tokens, up to the last part, which the first step sees."""
        given, whole, first = self._given, self.length, self._given.first
        columns = [name for name in ("position_ids", "token_type_ids") if name in first]
        while self.slots > self.fed + chunk:
            length = self.length = self.fed - given.offset + chunk
            after = whole - length
            given.first = first | {name: first[name][:, : first[name].shape[1] - after][:, -chunk:] for name in columns}
            self.forward(**dict.fromkeys(given.recorded, False))
            given.first = first | {name: first[name][:, -after:] for name in columns}
            self.length, self._positions, self._first = whole, None, True

    def process(self, logits: Tensor) -> Tensor:
        """The scores (R, V), fp32, that the processors make of `logits` (R, V)."""
        logits = logits.float()
        return self.processors(self.ids, logits) if self.processors else logits

    def commit(self, tokens: Tensor) -> None:
        """Append `tokens` (R,) or (R, n) to the rows."""
        tokens = tokens.unsqueeze(1) if tokens.dim() == 1 else tokens
        new = tokens.shape[1]
        if self.length + new > self._ids.shape[1]:
            self._ids = self._with_room(self._ids)
            if self._mask is not None:
                self._mask = self._with_room(self._mask, fill=1)
        self._ids[:, self.length : self.length + new] = tokens
        self.length += new

    def look_ahead(self, tokens: Tensor, **options: Any) -> Any:
        """As `forward`, over `tokens` (R, n) too, which follow the rows but do not become part of them."""
        length = self.length
        self._before = self._snapshot(tokens.shape[1])
        self.commit(tokens)
        output = self.forward(**options)
        self.length = length
        return output

    def _snapshot(self, new: int) -> tuple[int, list[Any]] | None:
        """The state of a cache that will have forgotten what it needs to go back once `new` tokens more were seen."""
        layers = [] if self.cache is None else self.cache.settled()
        if all(layer.needs(self.slots + new) == 0 for layer in layers):
            return None
        states = [layer.state() for layer in layers]
        return self.fed, [({name: held.clone() for name, held in tensors.items()}, numbers) for tensors, numbers in states]

    def can_rewind(self, length: int) -> bool:
        """Whether the cache can go back to the first `length` tokens of the rows."""
        target = self._given.offset + length
        return self.cache is None or self.fed <= target or self.cache.can_crop(target)

    def rewind(self, length: int) -> None:
        """Forget what the model has seen after the first `length` tokens of the rows, or after fewer."""
        target = self._given.offset + length
        if self.cache is None or self.fed <= target:
            return
        if self._before is not None and not self.cache.can_crop(target):
            target, states = self._before
            for layer, (tensors, numbers) in zip(self.cache.settled(), states, strict=True):
                layer.restore(tensors, numbers)
        else:
            self.cache.crop(target)
        if self._positions is not None:
            self._positions = self._positions - (self.fed - target)
        self.fed = target

    def give_up(self) -> None:
        """After a failure: the caller's cache holds what it held before, or nothing where that is gone."""
        if self.cache is None or not self._given.continued:
            return
        layers, held = self.cache.settled(), self._held
        whole = self._given.copies == 1 and self.cache.batch_size == self._given.ids.shape[0]
        if held and whole and all(layer.get_seq_length() == held or layer.can_crop(held) for layer in layers):
            for layer in layers:
                if layer.get_seq_length() > held:
                    layer.crop(held)
        else:
            self.cache.reset()
        self.fed = 0

    def reorder(self, parents: Tensor) -> None:
        """Row i becomes the former row `parents[i]` (R,), one of the same prompt, with its tokens and its part of the cache."""
        prompt = self._given.ids.shape[1]
        new = self._ids[:, prompt : self.length]
        new.copy_(new[parents])
        if self.cache is not None:
            self.cache.reorder_cache(parents, since=self._given.offset + prompt)
        self.processors.reorder(parents)
        self.finish.reorder(parents)

    def restart(self, rows: Tensor, ids: Tensor) -> None:
        """Begin again with copies of the prompts of the rows `rows` (N,), and let the model see `ids` (N, T), which follow.

        `ids` hold the prompts too.
        """
        given, prompt = self._given, self._given.ids.shape[1]
        if self.cache is None or self.can_rewind(prompt) or (given.continued and given.offset):
            self.rewind(prompt)
        else:  # what the cache held behind the prompt is gone
            self.cache.reset()
            self.fed, self._first = 0, True
        if self.cache is not None:
            self.cache.batch_select_indices(rows)
        given.select(rows)
        self.length = ids.shape[1]
        self._ids = self._with_room(ids)
        self._mask = None if self._mask is None else self._mask[rows]
        self._positions = given.next_position(self._mask, given.offset + prompt)
        if self.slots > self.fed:
            least = {"logits_to_keep": 1} if "logits_to_keep" in given.first else {}
            self.forward(**least, **dict.fromkeys(given.recorded, False))

    def widened(self, times: int) -> "Decoding":
        """A decoding of each row `times` times, side by side, as they are after the prompt; the cache goes over to it."""
        wide, given = copy.copy(self), self._given
        wide._given = replace(given, constant=dict(given.constant), first=dict(given.first))
        wide.finish = copy.copy(self.finish)
        rows = torch.arange(self.ids.shape[0], device=self.ids.device).repeat_interleave(times)
        wide.finish.reorder(rows)
        wide.restart(rows, self.ids[rows])
        return wide


def decode(run: Decoding, strategy: Strategy) -> Iterator[Step]:
    """Choose tokens until every row is finished; yields after each step.

    Raises:
        NumericsError: the model gives NaN.
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

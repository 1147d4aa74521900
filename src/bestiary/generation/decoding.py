"""`Decoding`: the rows of one generation, and the model that continues them through a cache."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..core.outputs import map_rows, repeat_rows
from . import compiled
from .finish import Finish
from .model import GeneratingModel
from .processor import LogitsProcessorList
from .prompt import COLUMNS, Prompt

# Room that is made at a time for tokens to come, where the end is far.
_ROOM = 1024


class Decoding:
    """The rows of one generation, the cache, and the model that continues them.

    Attributes:
        length: tokens of each row. fed: slots that the model has seen, which is what the cache holds.
    """

    def __init__(self, model: GeneratingModel, prompt: Prompt, processors: LogitsProcessorList, finish: Finish) -> None:
        self.model = model
        self.settings = prompt.settings
        self.cache = prompt.cache
        self.processors = processors
        self.finish = finish
        self.length = prompt.ids.shape[1]
        self.fed = self._cached = 0 if self.cache is None else self.cache.get_seq_length()
        self.prompt = prompt
        self._ids = self._with_room(prompt.ids)
        mask = prompt.mask
        if mask is None and self.cache is None:
            # Without a cache the model sees again what it wrote, and a padding token among it is no padding.
            mask = prompt.ids.new_ones(prompt.ids.shape[0], self.slots)
        self._mask = None if mask is None else self._with_room(mask, fill=1)
        self._positions: Tensor | None = None
        self._first = True
        self._before: tuple[int, list[Any]] | None = None
        self._compiled = compiled.step_of(model, prompt)

    @property
    def ids(self) -> Tensor:
        """The tokens so far, (R, length): a view of what the next step extends."""
        return self._ids[:, : self.length]

    @property
    def slots(self) -> int:
        """Slots that the rows take up, those before the first token of `ids` included."""
        return self.prompt.offset + self.length

    def _with_room(self, columns: Tensor, fill: int = 0) -> Tensor:
        room = min(max(self.finish.max_length - self.length, 1), _ROOM)
        return torch.cat([columns, columns.new_full((columns.shape[0], room), fill)], dim=1)

    def forward(self, **options: Any) -> Any:
        """Run the model over the tokens it has not seen; `options` go to the model. Returns the model's output."""
        prompt, first, slots = self.prompt, self._first, self.slots
        ids, inputs = self._inputs(options)
        compiled_step = None if first or slots - self.fed > 1 else self._compiled
        # The rows of a prompt are equal before the first token: the model sees it once.
        # Not where somebody asks for the states of all rows, or where a cache has its rows from the start.
        shares = first and prompt.copies > 1 and self.fed == 0 and not prompt.recorded
        shared = None if not shares or self.cache is None or self.cache.is_compileable else self.cache
        rows = self._ids.shape[0]
        if shared is not None:
            ids, *values = (map_rows(value, lambda tensor: tensor[:: prompt.copies], rows) for value in (ids, *inputs.values()))
            inputs = dict(zip(inputs, values, strict=True))
        arguments = self.model.inputs_of_pass(
            self, ids, past_key_values=self.cache, use_cache=self.cache is not None, is_first_iteration=first, **inputs
        )
        call: Any = self.model if compiled_step is None else compiled_step
        output = call(**arguments, return_dict=True)
        self.cache = arguments.get("past_key_values")  # the model's hook may put one with a prefix in its place, or none
        if shared is not None:
            if self.cache is not None:
                self.cache.batch_repeat_interleave(prompt.copies)
            output = repeat_rows(output, prompt.copies, rows // prompt.copies)
        if self.cache is not None:
            self.fed = slots
            if first:
                self._positions = prompt.next_position(self._mask, slots)
        self._first = False
        return output

    def _inputs(self, options: dict[str, Any]) -> tuple[Tensor | None, dict[str, Any]]:
        """The tokens that the model has not seen, None where embeddings stand for them, and what else it gets with them."""
        prompt, first, slots = self.prompt, self._first, self.slots
        inputs: dict[str, Any] = {**prompt.constant, **(prompt.first if first else {}), **prompt.recorded, **options}
        ids: Tensor | None = self._ids[:, max(self.fed - prompt.offset, 0) : self.length]
        if prompt.embeds is not None and self.fed == 0:
            ids, embeds = None, prompt.embeds
            written = self._ids[:, prompt.ids.shape[1] : self.length]
            if written.shape[1]:
                embeds = torch.cat([embeds, self.model.get_input_embeddings()(written)], dim=1)
            inputs[prompt.names.embeds] = embeds
        if self._mask is not None and (first or prompt.padded or self.cache is None):
            inputs[prompt.names.mask] = self._mask[:, :slots]
        for name in COLUMNS & prompt.first.keys():
            inputs[name] = self._columns(name)
        if self._positions is not None:
            new = slots - self.fed
            inputs["position_ids"] = (
                self._positions if new == 1 else self._positions + torch.arange(new, device=self._ids.device)
            )
            self._positions = self._positions + new
        return ids, inputs

    def _columns(self, name: str) -> Any:
        """The caller's positions or segments of what the model has not seen: positions count on, the last segment goes on."""
        stated, new, prompt = self.prompt.first[name], self.slots - self.fed, self.prompt
        sizes = (prompt.ids.shape[1], prompt.offset + prompt.ids.shape[1])
        if not isinstance(stated, Tensor) or stated.dim() == 0 or (self._first and stated.shape[-1] not in (new, *sizes)):
            return stated  # which the model refuses
        after = self.slots - sizes[1]
        if after <= 0:
            return stated[..., : stated.shape[-1] + after][..., -new:]
        steps = torch.arange(1, after + 1, device=stated.device) * (name == "position_ids")
        return torch.cat([stated, stated[..., -1:] + steps], dim=-1)[..., -new:]

    def prefill(self, chunk: int) -> None:
        """Let the model see the prompt in parts of `chunk` tokens, up to the last part, which the first step sees."""
        whole = self.length
        while self.slots > self.fed + chunk:
            self.length = self.fed - self.prompt.offset + chunk
            self.forward(**dict.fromkeys(self.prompt.recorded, False))
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
        return self.fed, [({name: tensor.clone() for name, tensor in tensors.items()}, numbers) for tensors, numbers in states]

    def can_rewind(self, length: int) -> bool:
        """Whether the cache can go back to the first `length` tokens of the rows."""
        target = self.prompt.offset + length
        return self.cache is None or self.fed <= target or self.cache.can_crop(target)

    def rewind(self, length: int) -> None:
        """Forget what the model has seen after the first `length` tokens of the rows, or after fewer."""
        target = self.prompt.offset + length
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
        if self.cache is None or not self.prompt.continued:
            return
        layers, cached = self.cache.settled(), self._cached
        whole = self.prompt.copies == 1 and self.cache.batch_size == self.prompt.ids.shape[0]
        if cached and whole and all(layer.get_seq_length() == cached or layer.can_crop(cached) for layer in layers):
            for layer in layers:
                if layer.get_seq_length() > cached:
                    layer.crop(cached)
        else:
            self.cache.reset()
        self.fed = 0

    def reorder(self, parents: Tensor) -> None:
        """Row i becomes the former row `parents[i]` (R,), one of the same prompt, with its tokens and its part of the cache."""
        before = self.prompt.ids.shape[1]
        new = self._ids[:, before : self.length]
        new.copy_(new[parents])
        if self.cache is not None:
            self.cache.reorder_cache(parents, since=self.prompt.offset + before)
        self.processors.reorder(parents)
        self.finish.reorder(parents)

    def restart(self, rows: Tensor, ids: Tensor) -> None:
        """Begin again with copies of the prompts of the rows `rows` (N,), and let the model see `ids` (N, T), which follow.

        `ids` hold the prompts too.
        """
        prompt, before = self.prompt, self.prompt.ids.shape[1]
        if self.cache is None or self.can_rewind(before) or (prompt.continued and prompt.offset):
            self.rewind(before)
        else:  # what the cache held behind the prompt is gone
            self.cache.reset()
            self.fed, self._first = 0, True
        if self.cache is not None:
            self.cache.batch_select_indices(rows)
        prompt.select(rows)
        self.length = ids.shape[1]
        self._ids = self._with_room(ids)
        self._mask = None if self._mask is None else self._mask[rows]
        self._positions = prompt.next_position(self._mask, prompt.offset + before)
        if self.slots > self.fed:
            least = {"logits_to_keep": 1} if "logits_to_keep" in prompt.first else {}
            self.forward(**least, **dict.fromkeys(prompt.recorded, False))

    def widened(self, times: int) -> "Decoding":
        """A decoding of each row `times` times, side by side, as they are after the prompt; the cache goes over to it."""
        wide, prompt = copy.copy(self), self.prompt
        wide.prompt = replace(prompt, constant=dict(prompt.constant), first=dict(prompt.first))
        wide.finish = copy.copy(self.finish)
        rows = torch.arange(self.ids.shape[0], device=self.ids.device).repeat_interleave(times)
        wide.finish.reorder(rows)
        wide.restart(rows, self.ids[rows])
        return wide

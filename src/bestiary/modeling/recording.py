"""Hidden states and attention weights of one call, observed by hooks; no forward knows about it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..nn.attention import Attend, HasHeads
from ..nn.deformable_attention import DeformableAttend
from .stack import Stack as Stack


@dataclass
class Recorder:
    """Collects what the hooks see; a call on another thread through the same modules is not mistaken for ours."""

    records: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    handles: list[Any] = field(default_factory=list)
    thread: int = field(default_factory=threading.get_ident)

    def watch(self, model: nn.Module, prefix: str, stack: Stack, hidden_states: bool, attentions: bool) -> None:
        """Register hooks on one stack; what they record is filed under `prefix` + the name of an output field."""
        layers = model.get_submodule(stack.layers)
        if stack.told is not None:
            for layer in layers.children() if attentions else ():
                part = layer.get_submodule(stack.told)
                self.handles.append(part.register_forward_hook(self._record_output(f"{prefix}attentions")))
        hidden_states, attentions = hidden_states and stack.shows_states, attentions and stack.told is None
        for path in stack.states if hidden_states else ():
            part = model.get_submodule(path)
            for each in part if isinstance(part, nn.ModuleList) else (part,):
                self.handles.append(each.register_forward_hook(self._record_output(f"{prefix}hidden_states")))
        if hidden_states and not stack.states:
            name, parts = f"{prefix}hidden_states", list(layers.children())
            if stack.inner is not None:
                parts = [layer for group in parts for layer in group.get_submodule(stack.inner).children()]
            if stack.once:
                self.limits |= {name: len(parts), f"{name}!": 1}
            for layer in parts[: int(stack.entry)] if stack.outputs else parts:
                self.handles.append(nn.Module.register_forward_pre_hook(layer, self._record_input(name)))
            for layer in parts[: len(parts) - stack.entry] if stack.outputs else ():
                self.handles.append(nn.Module.register_forward_hook(layer, self._record_output(name)))
            final = model.get_submodule(stack.final) if stack.final else parts[-1]
            if stack.complete:
                self.handles.append(nn.Module.register_forward_hook(final, self._record_output(f"{name}!")))
        if attentions and stack.streams:
            self.layers[f"{prefix}attentions"] = len(list(layers.children()))
        if attentions:
            for path, module in layers.named_modules():
                if stack.unseen and not set(stack.unseen).isdisjoint(path.split(".")):
                    continue
                if isinstance(module, Attend | DeformableAttend):
                    inner = prefix.removesuffix("decoder_").removesuffix("dec_") if module.cross else prefix
                    names = (f"{inner}cross_attentions" if module.cross else f"{inner}attentions", f"{inner}global_attentions")
                    if stack.once:
                        self.limits[names[0]] = self.limits.get(names[0], 0) + 1
                    self.handles.append(module.register_forward_pre_hook(self._request_weights, with_kwargs=True))
                    self.handles.append(module.register_forward_hook(self._record_weights(*names)))
                elif isinstance(module, HasHeads) and module.runs_code_of_others():
                    self._watch_others(module, f"{prefix}attentions")

    def _watch_others(self, module: nn.Module, name: str) -> None:
        """File what stands second in the output of attention that others wrote, unless attention of ours ran inside of it."""
        counts: list[int] = []

        def count(module: nn.Module, args: Any) -> None:
            counts.append(len(self.records.get(name, ())))

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            alone = counts.pop() == len(self.records.get(name, ()))
            if self._ours() and alone and isinstance(output, tuple) and isinstance(output[1], torch.Tensor):
                self.records.setdefault(name, []).append(output[1])

        self.handles.append(nn.Module.register_forward_pre_hook(module, count))
        self.handles.append(nn.Module.register_forward_hook(module, keep))

    def _ours(self) -> bool:
        return threading.get_ident() == self.thread

    def _record_input(self, name: str) -> Any:
        def hook(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            if self._ours():
                self.records.setdefault(name, []).append(args[0])

        return hook

    def _record_output(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if self._ours():
                state = output[0] if isinstance(output, tuple) else output
                self.records.setdefault(name, []).append(state)

        return hook

    def _request_weights(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        return (args, {**kwargs, "need_weights": True}) if self._ours() else None

    def _record_weights(self, *names: str) -> Any:
        """Of what attention gives, file all but the first under `names`, as far as there is so much and it is not None."""

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if not self._ours() or not isinstance(output, tuple):
                return None
            for name, weights in zip(names, output[1:], strict=False):
                self.records.setdefault(name, []).extend([] if weights is None else [weights])
            return output[0]

        return hook

    def results(self) -> dict[str, tuple[Any, ...]]:
        """Name of an output field (with a dot for nested outputs) -> what was recorded for it, in order of execution."""
        records = {name: tuple(recorded)[: self.limits.get(name)] for name, recorded in self.records.items()}
        tensors: dict[str, tuple[Any, ...]] = {name: recorded for name, recorded in records.items() if not name.endswith("!")}
        for name in list(tensors):
            last = records.get(f"{name}!")
            if last:  # a final module may also run earlier (dropout); its last output counts
                tensors[name] = (*tensors[name], last[-1])
        for name, count in self.layers.items():
            if len(weights := tensors.get(name, ())) == 2 * count:  # those of both streams
                tensors[name] = tuple(zip(weights[::2], weights[1::2], strict=True))
        return tensors


@contextmanager
def recording(model: nn.Module, stacks: dict[str, Stack], hidden_states: bool, attentions: bool) -> Iterator[Recorder]:
    """Record while the body runs; the hooks are gone afterwards, whatever happens."""
    recorder = Recorder()
    try:
        for prefix, stack in stacks.items():
            recorder.watch(model, prefix, stack, hidden_states, attentions)
        yield recorder
    finally:
        for handle in recorder.handles:
            handle.remove()

"""A model's blocks one after another, each given what the blocks before it make of the samples.

The model's own `forward` leads to a block: those before it are passed over, the last of them giving what it gave, and what
comes after it is not computed. So whatever a model does between its blocks, with masks and positions of its own, is as it
computes it; only what one block gives is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Never

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from ...core.errors import ConfigError
from ..method import replaceable
from .samples import Inputs


class _Reached(Exception):
    """The block has computed, and what comes after it need not."""


def block_lists(model: nn.Module, named: str | None = None) -> list[tuple[str, nn.ModuleList]]:
    """Path and list of all lists of blocks, outermost, in the order in which the model has them.

    Blocks are what the model says must stay on one device (`_no_split_modules`).

    named: the path of the only one, in this model or in the one with the head.

    Raises:
        ConfigError: there is none.
    """
    kinds = {name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()}
    found: list[tuple[str, nn.ModuleList]] = []
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) and not any(path.startswith(f"{outer}.") for outer, _ in found):
            if any(type(each).__name__ in kinds and replaceable(each) for each in module):
                found.append((path, module))
    if named is not None:
        found = [(path, each) for path, each in found if f".{path}".endswith(f".{named}") or named.endswith(f".{path}")]
    if not found:
        where = "" if named is None else f" at {named!r}, where block_name_to_quantize looks for them"
        raise ConfigError(f"{type(model).__name__} has no list of blocks with dense layers{where}")
    return found


class BlockWalk:
    """Steps through the blocks of a model.

    Attributes:
        blocks: path and module of each, in the order in which they compute.
    """

    def __init__(self, model: nn.Module, samples: Sequence[Inputs], named: str | None = None) -> None:
        self.model, self.samples = model, samples
        lists = block_lists(model, named)
        of_list = {id(block): path for path, blocks in lists for block in blocks}
        paths = {id(block): f"{path}.{index}" for path, blocks in lists for index, block in enumerate(blocks)}
        modules = [block for _, blocks in lists for block in blocks]
        called = self._called(modules)
        twice = [paths[key] for key, count in Counter(called).items() if count > 1]
        if twice:
            raise ConfigError(
                f"{type(model).__name__} computes {twice[0]} several times for one input, and blocks are calibrated one after"
                " another: quantize it by a method that needs no data"
            )
        by_id = {id(block): block for block in modules}
        self.blocks = [(paths[key], by_id[key]) for key in called]
        self._lists = [of_list[key] for key in called]
        self._given: dict[str, list[Any]] = {}

    def _called(self, modules: list[nn.Module]) -> list[int]:
        """Ids of modules in the order of their calls for one sample."""
        called: list[int] = []
        hooks = [each.register_forward_pre_hook(lambda module, _: called.append(id(module))) for each in modules]
        try:
            with torch.no_grad():
                self.model(**self.samples[0])
        finally:
            for hook in hooks:
                hook.remove()
        return called

    def run(self, index: int, keep: bool = False) -> None:
        """Let the block at `index` compute all samples, after those before it have been kept.

        keep: its results are what the blocks after it are given.
        """
        results = []
        with self._passed_over(index) as set_sample, torch.no_grad():
            for number, inputs in enumerate(self.samples):
                set_sample(number)
                results.append(self._result(index, inputs, keep))
        if keep:
            self._given[self._lists[index]] = results

    def _result(self, index: int, inputs: Inputs, keep: bool) -> Any:
        result: list[Any] = []

        def stop(module: nn.Module, args: Any, output: Any) -> Never:
            if keep:
                result.append(output)
            raise _Reached

        hook = self.blocks[index][1].register_forward_hook(stop)
        try:
            self.model(**inputs)
        except _Reached:
            pass
        finally:
            hook.remove()
        return result[0] if result else None

    @contextmanager
    def _passed_over(self, index: int) -> Iterator[Callable[[int], None]]:
        """Blocks before the one at `index` give, inside, what the last of their list gave for the sample that is set."""
        sample = 0

        def set_sample(number: int) -> None:
            nonlocal sample
            sample = number

        def giving(path: str) -> Callable[..., Any]:
            return lambda *args, **kwargs: tree_map(_copied, self._given[path][sample])

        before = self.blocks[:index]
        for (_, block), path in zip(before, self._lists, strict=False):
            block.__dict__["forward"] = giving(path)
        try:
            yield set_sample
        finally:
            for _, block in before:
                block.__dict__.pop("forward")


def _copied(value: Any) -> Any:
    """Another tensor: blocks may write into what they are given."""
    return value.clone() if isinstance(value, Tensor) else value

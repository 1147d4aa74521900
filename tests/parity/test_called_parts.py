"""Every part of a model, called as the published model calls its own, by place and by name, gives what that gives."""

import copy
import inspect
from typing import Any

import torch
import transformers
from kit.apart_parts import ABSENT, OTHERWISE
from kit.families import Pair, each, every_head, kernel_of, one_each
from torch import nn

import bestiary

Call = tuple[tuple[Any, ...], dict[str, Any], Any]
"""Arguments by place, arguments by name, and what came back."""


def empty_cache(published: Any) -> Any:
    """One of this library like that of the reference."""
    if isinstance(published, transformers.EncoderDecoderCache):
        return bestiary.EncoderDecoderCache(bestiary.DynamicCache(), bestiary.DynamicCache())
    return bestiary.DynamicCache()


def kept(value: Any, ours: bool = False) -> Any:
    """A copy that what follows cannot change; with `ours` a cache, which is empty, is one of this library."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, transformers.Cache | transformers.EncoderDecoderCache):
        return empty_cache(value) if ours else copy.deepcopy(value)
    if type(value) in (tuple, list):
        return type(value)(kept(each, ours) for each in value)
    return {name: kept(each, ours) for name, each in value.items()} if type(value) is dict else value


def first_calls(models: Pair) -> dict[str, Call]:
    """Path of a part of the reference's that is no module of torch -> its first call in a forward."""
    entered: dict[str, tuple[Any, Any]] = {}
    calls: dict[str, Call] = {}
    handles = []
    for path, module in models.reference.named_modules():
        if not path or type(module).__module__.startswith("torch."):
            continue

        def before(module: nn.Module, args: Any, kwargs: Any, path: str = path) -> None:
            entered.setdefault(path, (kept(args), kept(kwargs)))

        def behind(module: nn.Module, args: Any, kwargs: Any, output: Any, path: str = path) -> None:
            calls.setdefault(path, (*entered[path], kept(output)))

        handles += [module.register_forward_pre_hook(before, with_kwargs=True)]
        handles += [module.register_forward_hook(behind, with_kwargs=True)]
    models.reference(**models.reference_inputs())
    for handle in handles:
        handle.remove()
    return calls


def by_name(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """All arguments by the names of the published `forward`; None where some have none."""
    shown = inspect.signature(module.forward)
    bound = shown.bind(*args, **kwargs).arguments
    kinds = {name: shown.parameters[name].kind for name in bound}
    if inspect.Parameter.VAR_POSITIONAL in kinds.values() or not args:
        return None
    plain = {name: value for name, value in bound.items() if kinds[name] != inspect.Parameter.VAR_KEYWORD}
    return plain | next((value for name, value in bound.items() if name not in plain), {})


def equal(ours: Any, theirs: Any) -> bool:
    """Whether both are the same tensors in the same form."""
    ours, theirs = (each.to_tuple() if hasattr(each, "to_tuple") else each for each in (ours, theirs))
    if isinstance(theirs, torch.Tensor):
        alike = isinstance(ours, torch.Tensor) and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        return alike and torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    if isinstance(theirs, tuple | list):
        alike = isinstance(ours, tuple | list) and len(ours) == len(theirs)
        return alike and all(equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    return type(ours).__name__ == type(theirs).__name__


def answers(part: nn.Module, published: nn.Module, call: Call) -> str:
    """What is wrong with how a part answers a call of the published one; nothing, if it is right."""
    args, kwargs, expected = call
    named = by_name(published, args, kwargs)
    for places, names in [(args, kwargs)] if named is None else [(args, kwargs), ((), named)]:
        try:
            output = part(*kept(places, ours=True), **kept(names, ours=True))
        except Exception as error:  # noqa: BLE001 (whatever it is, it is no answer)
            return f"{type(error).__name__}: {error}"
        if not equal(output, expected):
            return "another answer"
    return ""


@each(one_each(every_head()))
@torch.no_grad()
def test_parts_answer_as_published_ones(models: Pair) -> None:
    """Parts that stand at no published path, and those that are called otherwise, are listed, and so is each that is mended."""
    published, ours = dict(models.reference.named_modules()), dict(models.ours.named_modules())
    wrong, right = {}, set()
    with kernel_of(models.ours, "eager"):
        for path, call in first_calls(models).items():
            kind = type(published[path]).__name__
            if path not in ours:
                assert kind in ABSENT, f"{kind}: nothing is at {path}"
            elif not isinstance(ours[path], bestiary.PreTrainedModel):  # models are compared by other tests
                problem = answers(ours[path], published[path], call)
                assert not problem or kind in OTHERWISE, f"{kind} at {path}: {problem}"
                wrong |= {kind: problem} if problem else {}
                right |= set() if problem else {kind}
    mended = OTHERWISE.keys() & right - wrong.keys()
    assert not mended, f"these answer as published: {', '.join(sorted(mended))}; take them off the list"
    assert wrong or right

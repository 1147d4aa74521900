"""`custom_generate`: the caller's own function in place of the decoding loop, with everything prepared for it."""

import inspect
from collections.abc import Callable
from typing import Any

import torch

from ..core.errors import ArgumentError, UnsafeFile
from .config import GenerationConfig
from .loop import Decoding
from .prepare import DECODER_ONLY, forward_parameters
from .stopping import MaxLengthCriteria, StoppingCriteriaList

# What the function gets in any case, and what it gets where it has a parameter of that name.
_ALWAYS = {"model", "input_ids", "logits_processor", "stopping_criteria", "generation_config"}
_ALSO = ("tokenizer", "assistant_model", "assistant_tokenizer")


def check(function: Any) -> None:
    """Refuse what is no function.

    Raises:
        UnsafeFile: it names a place where code would be found. ArgumentError: it cannot be called.
    """
    if isinstance(function, str):
        raise UnsafeFile(
            f"custom_generate={function!r} names a repository or a folder with code in it, and no code is run from files here: "
            "read that code, and if you trust it, import its function and pass the function"
        )
    if not callable(function):
        raise ArgumentError(f"custom_generate is a {type(function).__name__}; expected a function")


def split(function: Callable[..., Any], model: Any, given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Take out of `given` the arguments that only `function` knows; those that others know too stay in it as well."""
    wanted = set(inspect.signature(function).parameters) - _ALWAYS
    known = known | GenerationConfig.names() | forward_parameters(model)
    own = {name: given.pop(name) for name in list(given) if name in wanted and name not in known}
    also = {name: given.get(name) for name in _ALSO if name in wanted}
    for name in ("assistant_model", "assistant_tokenizer"):
        if name in also:
            given.pop(name, None)  # the function helps itself
    return {**own, **also}


def run(function: Callable[..., Any], decoding: Decoding, extras: dict[str, Any], streamer: Any) -> Any:
    """Call `function(model, input_ids, logits_processor=, stopping_criteria=, generation_config=, ...)`; gives what it gives.

    Besides, it gets the arguments of the model's forward: the mask, the cache, the encoder's output. The first of the
    `stopping_criteria` is a `MaxLengthCriteria`. A `streamer` has had the prompt; the function does the rest.
    """
    given, ids = decoding.prepared, decoding.ids
    if streamer is not None:
        if "streamer" not in inspect.signature(function).parameters:
            raise ArgumentError("the custom_generate function has no parameter streamer, so nothing would be streamed")
        streamer.put(ids.cpu())
        extras = {**extras, "streamer": streamer}
    first = {name: value for name, value in given.first.items() if name not in ("logits_to_keep", *given.constant)}
    inputs = {**given.constant, **first, **given.recorded}
    if given.embeds is not None:
        inputs[given.names.embeds] = given.embeds
    if given.mask is not None:
        inputs[given.names.mask] = given.mask.long()
    elif given.names is DECODER_ONLY:
        inputs[given.names.mask] = torch.ones(ids.shape[0], decoding.slots, dtype=torch.int64, device=ids.device)
    criteria = StoppingCriteriaList([MaxLengthCriteria(decoding.finish.max_length), *decoding.finish.criteria()])
    return function(
        decoding.model,
        ids.clone(),
        logits_processor=decoding.processors,
        stopping_criteria=criteria,
        generation_config=decoding.settings,
        past_key_values=decoding.cache,
        use_cache=decoding.cache is not None,
        **inputs,
        **extras,
    )

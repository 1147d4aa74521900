"""`custom_generate`: the caller's own function in place of the decoding loop, with everything prepared for it."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch

from ..core.errors import ArgumentError
from ..nn.masks import positions
from .call import Call
from .config import GenerationConfig
from .decoding import Decoding
from .model import GeneratingModel
from .prompt import DECODER_ONLY, forward_parameters
from .stopping import MaxLengthCriteria, StoppingCriteriaList

# What the function gets in any case.
_ALWAYS = {"model", "input_ids", "logits_processor", "stopping_criteria", "generation_config"}


def split(function: Any, model: GeneratingModel, keywords: dict[str, Any], objects: dict[str, Any]) -> dict[str, Any]:
    """What `function` gets besides what every such function gets, by its parameters.

    Args:
        keywords: of the call; those that only `function` knows are taken out, those that others know too stay as well.
        objects: of the call; what of them `function` takes is given to it.

    Raises:
        ArgumentError: it cannot be called.
    """
    if not callable(function):
        raise ArgumentError(f"custom_generate is a {type(function).__name__}; expected a function")
    parameters = set(inspect.signature(function).parameters) - _ALWAYS
    known = GenerationConfig.names() | forward_parameters(model) | {field.name for field in fields(Call)}
    extras = {name: keywords.pop(name) for name in parameters & keywords.keys() if name not in known}
    if "assistant_tokenizer" in parameters:
        objects = {**objects, "assistant_tokenizer": keywords.pop("assistant_tokenizer", None)}
    return extras | {name: value for name, value in objects.items() if name in parameters}


def run(function: Callable[..., Any], decoding: Decoding, extras: dict[str, Any], streamer: Any) -> Any:
    """Call `function(model, input_ids, logits_processor=, stopping_criteria=, generation_config=, ...)`; gives what it gives.

    Besides, it gets the arguments of the model's forward: mask and positions of all slots, cache, the encoder's output. The
    first of the `stopping_criteria` is a `MaxLengthCriteria`. A `streamer` has had the prompt; the function does the rest.
    """
    prompt, ids = decoding.prompt, decoding.ids
    if streamer is not None:
        if "streamer" not in inspect.signature(function).parameters:
            raise ArgumentError("the custom_generate function has no parameter streamer, so nothing would be streamed")
        streamer.put(ids.cpu())
        extras = {**extras, "streamer": streamer}
    inputs = {**prompt.constant, **prompt.first, **prompt.recorded}
    if prompt.counts_positions and "position_ids" not in inputs:
        counted = positions(prompt.mask, decoding.slots, 0, ids.device, prompt.first_position)
        inputs["position_ids"] = counted.expand(len(ids), -1)
    if decoding.cache is not None:
        inputs["past_key_values"] = decoding.cache
    if prompt.embeds is not None:
        inputs[prompt.names.embeds] = prompt.embeds
    if prompt.mask is not None:
        inputs[prompt.names.mask] = prompt.mask.long()
    elif prompt.names is DECODER_ONLY:
        inputs[prompt.names.mask] = torch.ones(ids.shape[0], decoding.slots, dtype=torch.int64, device=ids.device)
    criteria = StoppingCriteriaList([MaxLengthCriteria(decoding.finish.max_length), *decoding.finish.criteria()])
    return function(
        decoding.model,
        ids.clone(),
        logits_processor=decoding.processors,
        stopping_criteria=criteria,
        generation_config=decoding.settings,
        use_cache=decoding.cache is not None,
        **inputs,
        **extras,
    )

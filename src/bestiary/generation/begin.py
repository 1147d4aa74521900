"""Puts together one generation: settings, prompt, cache, processors, stopping rules, strategy. What can be refused is."""

from typing import Any, NamedTuple

import torch

from ..core.errors import ArgumentError, ConfigError
from ..core.logging import warn_once
from . import caching, checks, prefixes
from .call import Call
from .choice import ARGUMENTS, strategy_name
from .decoding import Decoding
from .finish import Finish
from .model import GeneratingModel
from .processor import Context, LogitsProcessorList, processors_for
from .prompt import Prompt, read_prompt
from .settings import check_settings, end_tokens, leave_ends_open, max_length, padding_token
from .stopping import MaxTimeCriteria, StopStringCriteria
from .strategy import Strategy, strategy_class


class Generation(NamedTuple):
    """A generation that is ready: its rows, how they go on, and what a `PrefixStore` has to do with it."""

    run: Decoding
    strategy: Strategy
    prefixes: prefixes.Prefixes | None


def begin(model: GeneratingModel, call: Call) -> Generation:
    """Check everything, then set up the loop. The model runs here only where it has an encoder.

    Raises:
        ArgumentError, ConfigError, InputError, CapacityError: for all that can be seen before the first step.
    """
    settings = call.settings
    objects = {name: vars(call)[name] for name in ARGUMENTS}
    check_settings(settings, objects)
    if call.constraint is not None:
        leave_ends_open(settings)
    chosen = strategy_class(strategy_name(settings, **objects))
    copies = chosen.rows(settings)
    prompt = read_prompt(model, settings, model.forward_arguments(call))
    checks.check_negative(call, model, prompt.ids.shape[0])
    caching.take_over(prompt, model)
    checks.check_room(model, prompt.ids.shape[0], copies)
    prompt.repeat(copies)
    before = prompt.embeds.shape[1] if prompt.embeds is not None and prompt.offset else 0  # max_length counts these too
    context = caching.context_left(prompt, model)
    if before and context is not None:
        context += prompt.ids.shape[1]  # the model does not read them
    longest = max_length(settings, prompt.ids.shape[1] + before, context, model.has_last_position())
    prompt.max_length = longest - before
    if model.bring_cache(prompt):
        caching.take_over(prompt, model)
    caching.make_cache(prompt, model)
    if settings.prefill_chunk_size:
        _check_parts(prompt, chosen)
    store, pad = call.prefix_store, padding_token(settings)
    known = None if store is None else prefixes.look(model, store, prompt, chosen.whole_prompt, pad)
    eos = end_tokens(settings, prompt.ids.device)
    finish = Finish(prompt.ids.shape[0], prompt.ids.device, eos, criteria_of(call), prompt.max_length, pad)
    processors = processors_of(model, call, prompt, eos, moving=not chosen.final)
    caching.continue_cache(prompt)
    run = Decoding(model, prompt, processors, finish)
    strategy = chosen(settings, _generator(call, chosen, prompt.ids.device))
    strategy.start(run, call)
    return Generation(run, strategy, known)


def _generator(call: Call, chosen: type[Strategy], device: torch.device) -> torch.Generator | None:
    """The source of random numbers of strategies that draw for all rows at once."""
    if call.seed is None or chosen.row_seeds:
        return call.generator
    if not call.settings.do_sample:
        warn_once("useless-seed", f"seed={call.seed} has no effect without do_sample")
    if not isinstance(call.seed, int):
        raise ArgumentError(f"seed={call.seed} is for rows that draw by themselves; {chosen.__name__} takes one seed for all")
    return torch.Generator(device).manual_seed(call.seed % 2**64)


def _check_parts(prompt: Prompt, chosen: type[Strategy]) -> None:
    chunk = prompt.settings.prefill_chunk_size
    if prompt.embeds is not None:
        raise ConfigError(f"prefill_chunk_size={chunk} and inputs_embeds exclude each other: pass input_ids")
    if chosen.whole_prompt:
        raise ConfigError(f"prefill_chunk_size={chunk} cuts the prompt, and {chosen.__name__} needs the states of all of it")


def criteria_of(call: Call) -> list[Any]:
    """The stopping criteria that the settings ask for, and the caller's own."""
    settings = call.settings
    criteria: list[Any] = []
    if settings.stop_strings is not None:
        if call.tokenizer is None:
            raise ArgumentError("stop_strings needs the tokenizer: pass tokenizer=")
        criteria.append(StopStringCriteria(call.tokenizer, settings.stop_strings))
    if settings.max_time is not None:
        criteria.append(MaxTimeCriteria(settings.max_time))
    for criterion in call.stopping_criteria or ():
        if not callable(criterion) or isinstance(criterion, type):
            raise ArgumentError(f"stopping_criteria holds {criterion!r:.80}; expected functions of (input_ids, scores)")
        criteria.append(criterion)
    return criteria


def processors_of(
    model: GeneratingModel, call: Call, prompt: Prompt, eos: torch.Tensor | None, moving: bool = False
) -> LogitsProcessorList:
    """The processors that the call asks for, in order; `moving`: whether rows of a prompt take over each other's tokens."""
    context = Context(
        config=prompt.settings,
        prompt_length=prompt.ids.shape[1],
        max_length=prompt.max_length,
        device=prompt.ids.device,
        model=model,
        eos=eos,
        encoder_input_ids=prompt.encoder_tokens(),
        leading_padding=prompt.leading_padding(),
        prefix_allowed_tokens_fn=call.prefix_allowed_tokens_fn,
        negative_prompt_ids=call.negative_prompt_ids,
        negative_prompt_attention_mask=call.negative_prompt_attention_mask,
    )
    custom = call.logits_processor or []
    if call.constraint is not None:  # after all that may forbid tokens, so that it sees what is left
        ends = [] if eos is None else eos.tolist()
        copies, prompts = prompt.copies, prompt.ids.shape[0] // prompt.copies
        start = prompt.ids.shape[1]
        custom = [*custom, model.constraint_processor(call.constraint, call.tokenizer, ends, start, prompts, copies, moving)]
    return processors_for(context, custom)

"""Puts together one generation: settings, prompt, cache, processors, stopping rules, strategy."""

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..cache.base import Cache
from ..cache.building import CacheConfig
from ..core.errors import ArgumentError, CapacityError, ConfigError, InputError
from ..core.logging import warn_once
from ..core.outputs import BaseModelOutput
from . import checks, compiled, prefixes, prepare
from .config import GenerationConfig
from .finish import Finish
from .loop import Decoding
from .prepare import DECODER_ONLY, ENCODER_DECODER, Prepared
from .processor import Context, listed, processors_for, token_ids
from .seeds import as_seeds
from .stopping import MaxTimeCriteria, StopStringCriteria
from .strategy import Strategy, strategy_class, strategy_name

Tensor = torch.Tensor


@dataclass
class Call:
    """What a call of `generate` brought besides its settings; `model_inputs` are for the model's forward."""

    settings: GenerationConfig
    inputs: Tensor | None = None
    model_inputs: dict[str, Any] = field(default_factory=dict)
    logits_processor: list[Any] | None = None
    stopping_criteria: list[Any] | None = None
    prefix_allowed_tokens_fn: Any = None
    assistant_model: Any = None
    negative_prompt_ids: Tensor | None = None
    negative_prompt_attention_mask: Tensor | None = None
    tokenizer: Any = None
    assistant_tokenizer: Any = None
    assistant_encoder_outputs: Any = None
    generator: torch.Generator | None = None
    seed: int | list[int] | None = None
    prefix_store: Any = None
    constraint: Any = None


def begin(model: Any, call: Call) -> tuple[Decoding, Strategy, Prepared]:
    """Check everything, then set up the loop. The model runs here only where it has an encoder."""
    settings, given = call.settings, dict(call.model_inputs)
    passed = {"assistant_model": call.assistant_model, "assistant_tokenizer": call.assistant_tokenizer}
    prepare.check_settings(settings, passed)
    checks.check_passed(call)
    call = replace(call, seed=as_seeds(call.seed))
    if call.constraint is not None:
        prepare.make_room(settings)
    chosen = strategy_class(strategy_name(settings, **passed))
    rows = chosen.rows(settings)
    main = model.main_input_name
    if call.inputs is not None:
        if given.get(main) is not None:
            raise ArgumentError(f"inputs and {main} are the same thing; pass one of them")
        given[main] = call.inputs
    started = _encoder_decoder(model, settings, given) if model.config.is_encoder_decoder else _decoder(model, settings, given)
    checks.check_token_ids(settings, model, started.ids.shape[0])
    checks.check_negative(call, model, started.ids.shape[0])
    _continue_cache(started, given, model)
    started.constant.update(given)
    _expand(started, rows)
    prompt = started.offset if started.ids.shape[1] == 0 else 0
    context = None if _is_endless(started, model) else model.context_length()
    total = prepare.max_length(settings, started.ids.shape[1] + prompt, context)
    started.max_length = total - prompt
    _make_cache(started, model)
    if settings.prefill_chunk_size:
        _check_parts(started, chosen)
    if call.prefix_store is not None:
        pad = _pad(settings, _eos(settings, model.device))
        started.prefix = prefixes.look(model, call.prefix_store, started, rows, chosen.whole_prompt, pad)
    eos = _eos(settings, model.device)
    finish = Finish(
        started.ids.shape[0], started.ids.device, eos, criteria_of(call, settings), started.max_length, _pad(settings, eos)
    )
    processor_context = _context(model, call, started, eos)
    custom = listed("logits_processor", call.logits_processor)
    if call.constraint is not None:  # after all that may forbid tokens, so that it sees what is left
        prompts = started.ids.shape[0] // rows
        custom.append(
            model.constraint_processor(
                call.constraint, call.tokenizer, processor_context, prompts, rows, moving=not chosen.final
            )
        )
    applied = processors_for(processor_context, custom)
    _take_up(started)
    run, strategy = Decoding(model, started, applied, finish), chosen(settings, _generator(call, chosen, model.device))
    strategy.start(run, call)
    return run, strategy, started


def _generator(call: Call, chosen: type[Strategy], device: torch.device) -> torch.Generator | None:
    """The source of random numbers of strategies that draw for all rows at once."""
    if call.seed is None or chosen.row_seeds:
        return call.generator
    if not call.settings.do_sample:
        warn_once("useless-seed", f"seed={call.seed} has no effect without do_sample")
    if not isinstance(call.seed, int):
        raise ArgumentError(f"seed={call.seed} is for rows that draw by themselves; {chosen.__name__} takes one seed for all")
    return torch.Generator(device).manual_seed(call.seed % 2**64)


def _decoder(model: Any, settings: GenerationConfig, given: dict[str, Any]) -> Prepared:
    ids, embeds = given.pop("input_ids", None), given.pop("inputs_embeds", None)
    if ids is None and embeds is None:
        ids = prepare.start_tokens(model, settings, 1, model.device)
    if embeds is not None:
        checks.check_embeds(model, embeds)
    if ids is None:
        ids = torch.zeros(embeds.shape[0], 0, dtype=torch.int64, device=embeds.device)
    ids = checks.check_ids(model, ids, embeds is not None)
    started = Prepared(settings, DECODER_ONLY, ids, embeds=embeds, mask=given.pop("attention_mask", None))
    if embeds is not None:
        if ids.shape[1] not in (0, embeds.shape[1]):
            raise InputError(
                f"input_ids hold {ids.shape[1]} tokens and inputs_embeds {embeds.shape[1]}; they are the same prompt"
            )
        started.offset = embeds.shape[1] if ids.shape[1] == 0 else 0
    taken = prepare.forward_parameters(model)
    started.counts_positions = "position_ids" in taken
    started.first_position = model.config.get_text_config(decoder=True).first_position
    if "logits_to_keep" in taken:
        started.first["logits_to_keep"] = 1
    for name in ("position_ids", "token_type_ids"):
        if given.get(name) is not None:
            started.first[name] = given.pop(name)
    if "token_type_ids" in started.first:
        started.constant["token_type_ids"] = started.first["token_type_ids"][:, -1:]
    started.encoder_ids = ids if ids.shape[1] else None
    started.recorded = _recorded(settings)
    if started.mask is None and ids.shape[1]:
        started.mask = prepare.infer_mask(ids, settings)
    return started


def _encoder_decoder(model: Any, settings: GenerationConfig, given: dict[str, Any]) -> Prepared:
    main, encoded = model.main_input_name, given.pop("encoder_outputs", None)
    wanted = prepare.forward_parameters(model.get_encoder())
    source = given.get(main)
    mask = given.get("attention_mask")
    if main == "input_ids" and source is not None:
        source = given[main] = checks.check_ids(model, source)
        if mask is not None:
            checks.check_mask(mask, source.shape[1], source.shape[0])
    if mask is None and main == "input_ids" and source is not None:
        mask = prepare.infer_mask(source, settings)
        if mask is not None:
            given["attention_mask"] = mask
    if encoded is None:
        if source is None and given.get("inputs_embeds") is None:
            raise InputError(f"{type(model).__name__} needs {main} (or encoder_outputs) to generate from")
        encoder_inputs = {name: given[name] for name in given if name in wanted}
        encoded = model.get_encoder()(**encoder_inputs, **_recorded(settings), return_dict=True)
    elif isinstance(encoded, Tensor):
        encoded = BaseModelOutput(encoded)
    elif isinstance(encoded, tuple | list):
        encoded = BaseModelOutput(*encoded)
    states = checks.check_encoded(encoded, model, source)
    ids = given.pop("decoder_input_ids", None)
    decoder_mask = given.pop("decoder_attention_mask", None)
    start = (
        prepare.start_tokens(model, settings, states.shape[0], states.device)
        if ids is None or _has_start(model, settings)
        else None
    )
    if ids is not None:
        ids = checks.check_ids(model, ids, name="decoder_input_ids")
        if ids.shape[0] != states.shape[0]:
            raise InputError(f"decoder_input_ids have {ids.shape[0]} rows and the encoder's output {states.shape[0]}")
        if decoder_mask is not None:
            held = 0 if given.get("past_key_values") is None else decoder_mask.shape[1] - ids.shape[1]
            checks.check_mask(decoder_mask, ids.shape[1] + held, ids.shape[0], "decoder_attention_mask")
    if ids is None:
        ids = start
    elif start is not None and not _goes_on(given.get("past_key_values")) and bool((ids[:, :1] != start).all()):
        ids = torch.cat([start, ids], dim=1)
        if decoder_mask is not None:
            decoder_mask = torch.cat([torch.ones_like(decoder_mask[:, :1]), decoder_mask], dim=1)
    started = Prepared(settings, ENCODER_DECODER, ids, mask=decoder_mask, encoder_outputs=encoded)
    started.encoder_ids = source if main == "input_ids" else None
    started.recorded = _recorded(settings)
    given["encoder_outputs"] = BaseModelOutput(states)
    for name in [main, "inputs_embeds"]:
        given.pop(name, None)
    taken = prepare.forward_parameters(model)
    for name in [name for name in given if name not in taken]:
        given.pop(name)  # only the encoder takes it, and that is done
    return started


def _goes_on(cache: Any) -> bool:
    """Whether a decoder goes on from what the `cache` holds, and has its first token there."""
    return cache is not None and not (isinstance(cache, Cache) and cache.get_seq_length() == 0)


def _has_start(model: Any, settings: GenerationConfig) -> bool:
    return settings.decoder_start_token_id is not None or settings.bos_token_id is not None


def _recorded(settings: GenerationConfig) -> dict[str, bool]:
    if not settings.return_dict_in_generate:
        return {}
    return {name: True for name in ("output_attentions", "output_hidden_states") if settings.get(name)}


def _continue_cache(started: Prepared, given: dict[str, Any], model: Any) -> None:
    """Take over the caller's cache: find which of the prompt's tokens it holds."""
    passed = given.pop("past_key_values", None)
    if passed is not None:
        if not started.settings.use_cache:
            raise ArgumentError("past_key_values and use_cache=False exclude each other")
        if started.settings.origin("cache_implementation") in ("call", "config"):
            raise ArgumentError("past_key_values and cache_implementation exclude each other: the cache is there already")
        started.continued = True
        started.cache = prepare.as_cache(passed, model.config.is_encoder_decoder)
    held = 0 if started.cache is None else started.cache.get_seq_length()
    rows, length = started.ids.shape
    if started.cache is not None:
        checks.check_cache(started.cache, model, rows)
    if held and started.embeds is not None:
        raise ArgumentError(f"inputs_embeds cannot continue a cache that holds {held} tokens; pass input_ids")
    if held and started.mask is not None and started.mask.shape[1] == held + length:
        started.offset = held  # the prompt is only what follows the cached tokens
    elif held > length:
        raise InputError(
            f"the cache holds {held} tokens and input_ids only {length}: pass the whole conversation, or only its new tokens "
            f"with an attention_mask over all {held + length}, or crop the cache"
        )
    if started.mask is not None:
        checks.check_mask(started.mask, started.offset + length, started.ids.shape[0])
        started.mask = started.mask != 0
        started.padded = not bool(started.mask.all())
        if started.names is DECODER_ONLY and bool((started.mask[:, -1] == 0).any()):
            warn_once(
                "right-padding",
                "a prompt ends in padding, after which a decoder goes on badly: pad on the left (padding_side='left')",
            )


def _take_up(started: Prepared) -> None:
    """Make the caller's cache ready, once nothing can be refused any more."""
    cache = started.cache
    if cache is None or not started.continued or not cache.get_seq_length():
        return
    if started.offset == 0 and cache.get_seq_length() == started.ids.shape[1]:
        _take_back_last(cache)
    if started.copies > 1 and cache.get_seq_length():
        cache.batch_repeat_interleave(started.copies)


def _take_back_last(cache: Cache) -> None:
    """The last token of the prompt must run again to give logits; where it cannot be taken back, all of them run again."""
    held = cache.get_seq_length()
    if cache.can_crop(held - 1):
        cache.crop(held - 1)
        return
    warn_once(
        "cache-refilled",
        f"the {type(cache).__name__} holds the {held} tokens of the prompt and cannot go back by one, so the prompt is "
        "computed anew; pass a copy of the cache from an earlier moment, or a longer prompt",
    )
    cache.reset()


def _expand(started: Prepared, times: int) -> None:
    rows, started.copies = started.ids.shape[0], times
    if times == 1:
        return
    for name in ("ids", "mask", "embeds", "encoder_ids"):
        setattr(started, name, prepare.repeat_rows(getattr(started, name), times, rows))
    for inputs in (started.constant, started.first):
        inputs.update({name: prepare.repeat_rows(value, times, rows) for name, value in inputs.items()})


def _is_endless(started: Prepared, model: Any) -> bool:
    """Whether the cache gives new tokens positions that the model knows, however long the text."""
    cache, name = started.cache, started.settings.cache_implementation
    if cache is None and name is not None and started.settings.use_cache:
        cache = model.make_cache(name, 1, _cache_options(started.settings))
    return cache is not None and cache.needs_rotary and model.rotary() is not None


def _cache_options(settings: GenerationConfig) -> dict[str, Any]:
    given = settings.cache_config
    if not isinstance(given, CacheConfig | dict | None):
        raise ArgumentError(f"cache_config is {given!r}; expected a dictionary, or an object such as QuantizedCacheConfig")
    options = (given if isinstance(given, CacheConfig) else CacheConfig.from_dict(given or {})).options()
    if settings.max_cache_len is not None and settings.cache_implementation is not None:
        options["max_cache_len"] = settings.max_cache_len
    return options


def _check_parts(started: Prepared, chosen: type[Strategy]) -> None:
    chunk = started.settings.prefill_chunk_size
    if started.embeds is not None:
        raise ConfigError(f"prefill_chunk_size={chunk} and inputs_embeds exclude each other: pass input_ids")
    if chosen.whole_prompt:
        raise ConfigError(f"prefill_chunk_size={chunk} cuts the prompt, and {chosen.__name__} needs the states of all of it")


def _make_cache(started: Prepared, model: Any) -> None:
    settings = started.settings
    if not settings.use_cache:
        if "position_ids" in started.first or "token_type_ids" in started.first:
            raise ArgumentError(
                "use_cache=False cannot continue position_ids or token_type_ids; leave them out or use the cache"
            )
        return
    if started.cache is None:
        slots = compiled.slots_for(settings, model.device, started.offset + started.max_length)
        started.cache = model.make_cache(settings.cache_implementation or "dynamic", slots, _cache_options(settings))
    room = None if started.cache.is_endless else started.cache.get_max_length()
    needed = started.offset + started.max_length - 1
    if room is not None and room < needed:
        raise CapacityError(f"the cache has room for {room} tokens; the prompt and its continuation take up to {needed}")


def _eos(settings: GenerationConfig, device: torch.device) -> Tensor | None:
    eos = settings.eos_token_id
    ids = [] if eos is None else [token for token in token_ids(eos).tolist() if token >= 0]  # a file's -1 is none
    return token_ids(ids, device) if ids else None


def _pad(settings: GenerationConfig, eos: Tensor | None) -> int:
    pad = settings.pad_token_id
    if pad is not None and pad >= 0:
        return pad
    return int(eos[0]) if eos is not None else 0


def criteria_of(call: Call, settings: GenerationConfig) -> list[Any]:
    """The stopping criteria that the settings ask for, and the caller's own."""
    found: list[Any] = []
    if settings.stop_strings is not None:
        if call.tokenizer is None:
            raise ArgumentError("stop_strings needs the tokenizer: pass tokenizer=")
        found.append(StopStringCriteria(call.tokenizer, settings.stop_strings))
    if settings.max_time is not None:
        found.append(MaxTimeCriteria(settings.max_time))
    own = listed("stopping_criteria", call.stopping_criteria)
    for criterion in own:
        if not callable(criterion) or isinstance(criterion, type):
            raise ArgumentError(f"stopping_criteria holds {criterion!r:.80}; expected functions of (input_ids, scores)")
    return [*found, *own]


def _context(model: Any, call: Call, started: Prepared, eos: Tensor | None) -> Context:
    return Context(
        config=started.settings,
        prompt_length=started.ids.shape[1],
        max_length=started.max_length,
        device=started.ids.device,
        eos=eos,
        encoder_input_ids=started.encoder_tokens(),
        leading_padding=started.leading_padding(),
        prefix_allowed_tokens_fn=call.prefix_allowed_tokens_fn,
        model=model,
        negative_prompt_ids=call.negative_prompt_ids,
        negative_prompt_attention_mask=call.negative_prompt_attention_mask,
    )

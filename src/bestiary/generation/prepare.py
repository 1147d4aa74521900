"""From the arguments of a call to what the loop starts with. Everything that can be refused is refused here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from ..cache.base import Cache
from ..cache.encoder_decoder import EncoderDecoderCache
from ..core.errors import ArgumentError, CapacityError, ConfigError, InputError, did_you_mean
from ..core.logging import warn_once
from ..core.outputs import ModelOutput
from ..nn import inputs as model_inputs
from .config import DEFAULT_NEW_TOKENS, SOURCES, GenerationConfig
from .options import options

Tensor = torch.Tensor


class Names(NamedTuple):
    """What a model's forward calls the inputs of the part that generates."""

    ids: str
    mask: str
    embeds: str


DECODER_ONLY = Names("input_ids", "attention_mask", "inputs_embeds")
ENCODER_DECODER = Names("decoder_input_ids", "decoder_attention_mask", "decoder_inputs_embeds")


@dataclass
class Prepared:
    """The start of a generation. R rows.

    ids (R, T): the prompt; embeds (R, E, D) in its place or in front of it. mask (R, offset + T): 0 for padding, None when
    nobody spoke of padding; padded: whether there is any. offset: slots before the first of `ids`.
    continued: whether `cache` is the caller's. prefix: what a `PrefixStore` has to do with it. copies: rows of each prompt.
    constant, first, recorded: inputs of every pass, of the first pass, and those that ask for states and attentions.
    """

    settings: GenerationConfig
    names: Names
    ids: Tensor
    mask: Tensor | None = None
    padded: bool = False
    embeds: Tensor | None = None
    offset: int = 0
    cache: Cache | None = None
    continued: bool = False
    prefix: Any = None
    constant: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    recorded: dict[str, Any] = field(default_factory=dict)
    encoder_ids: Tensor | None = None
    encoder_outputs: ModelOutput | None = None
    max_length: int = 0
    copies: int = 1
    counts_positions: bool = False
    first_position: int = 0

    def with_embeds(self, ids: Tensor, model: Any) -> Tensor:
        """The embeddings (R, E + T, D) of the given ones and of `ids` (R, T), those that stand for the prompt left out."""
        assert self.embeds is not None
        if ids.shape[1] == 0:
            return self.embeds
        return torch.cat([self.embeds, model.get_input_embeddings()(ids)], dim=1)

    def leading_padding(self) -> Tensor | None:
        """Tokens of padding (R,) at the start of each row of `ids`; None where there are none."""
        if not self.padded or self.mask is None:
            return None
        return self.mask[:, self.offset :].cumsum(1).eq(0).sum(1)

    def encoder_tokens(self) -> Tensor | None:
        """`encoder_ids` (R, S) with -1 in place of padding; None where the input is no text."""
        mask = self.constant.get("attention_mask") if self.encoder_outputs is not None else self.mask
        if self.encoder_ids is None or mask is None:
            return self.encoder_ids
        return self.encoder_ids.masked_fill(mask[:, mask.shape[1] - self.encoder_ids.shape[1] :] == 0, -1)

    def select(self, rows: Tensor) -> None:
        """Replace what every pass is given by its rows `rows` (N,)."""
        count, self.copies = self.ids.shape[0], 1
        for name in ("ids", "mask", "embeds"):
            setattr(self, name, map_rows(getattr(self, name), lambda value: value[rows], count))
        for inputs in (self.constant, self.first):
            inputs.update({name: map_rows(value, lambda value: value[rows], count) for name, value in inputs.items()})

    def next_position(self, mask: Tensor | None, slots: int) -> Tensor | None:
        """The position (R, 1) of the token after the first `slots`, where it is not simply `slots`."""
        given = self.first.get("position_ids")
        if given is not None:
            return given[:, -1:] + 1
        if not self.padded or mask is None or not self.counts_positions:
            return None
        return mask[:, :slots].sum(1, keepdim=True) + self.first_position


def check_settings(settings: GenerationConfig, passed: dict[str, Any]) -> None:
    """Refuse what cannot be done, before anything runs. `passed`: objects of the call that settings may need.

    Raises:
        ArgumentError: an option asks for something that does not exist here.
        ConfigError: values clash; the message names both.
    """
    for name, option in sorted(options().items()):
        value = settings.get(name)
        if not value or value == option.default:
            continue
        if option.needs and not any(passed.get(other) or settings.is_set(other) for other in option.needs):
            turned_off = settings.origin(name) == "config" and any(settings.origin(other) == "call" for other in option.needs)
            if settings.origin(name) in ("call", "config") and not turned_off:
                warn_once(f"useless-{name}", f"{name}={value} has no effect without {' or '.join(option.needs)}")
        elif not option.supported:
            raise ArgumentError(f"{name}={value!r} ({settings.origin(name)}) asks for something this version does not have")
    _check_clashes(settings)


# Settings that force or forbid an end regardless of what the text looks like by then.
_CLASHES = ("forced_bos_token_id", "forced_eos_token_id", "min_length", "min_new_tokens")


def make_room(settings: GenerationConfig) -> None:
    """Take out of the settings of one call what would force or forbid an end: a constraint says where a text may end.

    Raises:
        ConfigError: the caller asked for it.
    """
    for name in _CLASHES:
        if settings.get(name) and settings.origin(name) in ("call", "config"):
            raise ConfigError(
                f"constraint and {name}={settings.get(name)} exclude each other: the constraint says where a text may end"
            )
        settings.__dict__[name] = None


def _check_clashes(settings: GenerationConfig) -> None:
    copies, beams = settings.effective("num_return_sequences"), settings.effective("num_beams")
    if settings.do_sample and settings.temperature == 0:
        raise ConfigError("temperature=0 leaves nothing to draw from; for greedy decoding set do_sample=False")
    if copies > 1 and not settings.do_sample and beams == 1:
        raise ConfigError(
            f"num_return_sequences={copies} with do_sample=False and num_beams=1 would give equal rows; set do_sample"
        )
    banned = set(settings.suppress_tokens or ()) | set(settings.begin_suppress_tokens or ())
    if settings.forced_bos_token_id is not None and settings.forced_bos_token_id in banned:
        raise ConfigError(f"forced_bos_token_id={settings.forced_bos_token_id} is forced and suppressed at once")
    if not settings.use_cache and settings.cache_implementation and settings.origin("cache_implementation") != "checkpoint":
        raise ConfigError(f"use_cache=False and cache_implementation={settings.cache_implementation!r} exclude each other")
    chunk = settings.prefill_chunk_size
    for name in ("output_hidden_states", "output_attentions") if chunk and settings.return_dict_in_generate else ():
        if settings.get(name):
            raise ConfigError(
                f"prefill_chunk_size={chunk} and {name}=True exclude each other: parts of a prompt are not joined"
            )
    if chunk and not settings.use_cache:
        raise ConfigError(f"prefill_chunk_size={chunk} and use_cache=False exclude each other: parts need a cache")


def forward_parameters(model: Any) -> frozenset[str]:
    """Names of the arguments that the model's forward takes, those it hands on to its backbone included."""
    return model_inputs.forward_parameters(type(model), type(model.base_model))


def check_inputs(model: Any, given: dict[str, Any], others: set[str]) -> None:
    """Refuse keywords that neither `generate` nor the model takes, with the nearest that one of them does."""
    taken = forward_parameters(model)
    if model.config.is_encoder_decoder:
        taken = taken | forward_parameters(model.get_encoder())
    for name in given:
        if name not in taken:
            near = did_you_mean(name, sorted(taken | others))
            raise ArgumentError(f"{type(model).__name__}.generate() takes no argument {name!r}.{near}")


def max_length(settings: GenerationConfig, prompt: int, context: int | None) -> int:
    """Tokens of a row at which it ends, prompt included.

    The rule: of `max_new_tokens` and `max_length` the one from the nearer source counts, the former when both come from
    the same; without either, 20 new tokens, or as many as the context has room for.

    Raises:
        CapacityError: the prompt, or what the caller asked for, exceeds the context. InputError: no room for a new token.
        ConfigError: the least length exceeds the greatest.
    """
    new, total = settings.max_new_tokens, settings.max_length
    if new is not None and total is not None:
        ranks = [SOURCES.index(settings.origin(name)) for name in ("max_new_tokens", "max_length")]
        if ranks[0] == ranks[1] and ranks[0] > 1:
            warn_once("two-lengths", f"max_new_tokens={new} is used, max_length={total} is not: both were given")
        total = None if ranks[0] >= ranks[1] else total
    name = "max_length" if total is not None else "max_new_tokens"
    asked = name if settings.get(name) is not None else None
    limit = total if total is not None else prompt + (new or DEFAULT_NEW_TOKENS)
    if context is not None and prompt >= context:
        raise CapacityError(
            f"the prompt has {prompt} tokens and the model has room for {context}, new tokens included; shorten it"
        )
    if context is not None and limit > context:
        if asked is not None and settings.origin(asked) in ("call", "config"):
            raise CapacityError(
                f"a prompt of {prompt} tokens and {asked}={settings.get(asked)} make {limit}; there is room for {context}: "
                f"set max_new_tokens to at most {context - prompt}"
            )
        limit = context
    if limit <= prompt:
        raise InputError(
            f"max_length={limit} ({settings.origin('max_length')}) leaves nothing to add to a prompt of {prompt} tokens"
        )
    _check_least(settings, prompt, limit)
    return limit


def _check_least(settings: GenerationConfig, prompt: int, limit: int) -> None:
    for name, before in (("min_new_tokens", prompt), ("min_length", 0)):
        least = settings.get(name)
        if least and before + least > limit and settings.origin(name) in ("call", "config"):
            raise ConfigError(f"{name}={least} asks for more than the {limit - before} tokens at which generation ends")


def start_tokens(model: Any, settings: GenerationConfig, rows: int, device: torch.device) -> Tensor:
    """The decoder's first token (rows, 1): `decoder_start_token_id` (one, or one per row), else `bos_token_id`."""
    start = settings.decoder_start_token_id
    if start is None and model.config.is_encoder_decoder:
        start = model.decoder_start()
    start = settings.bos_token_id if start is None else start
    if start is None:
        raise InputError("there is nothing to start from: pass input_ids, or set decoder_start_token_id or bos_token_id")
    if isinstance(start, list) and len(start) not in (1, rows):
        raise InputError(f"decoder_start_token_id holds {len(start)} tokens for {rows} rows; expected one, or one for each")
    return torch.as_tensor(start, dtype=torch.int64, device=device).reshape(-1, 1).expand(rows, 1).clone()


def infer_mask(ids: Tensor, settings: GenerationConfig) -> Tensor | None:
    """A mask (R, T) for a prompt that came without one: padding tokens count as padding where they cannot be anything else."""
    pad = settings.pad_token_id
    if pad is None or pad < 0 or not bool((ids == pad).any()):
        return None
    eos = settings.eos_token_id
    others = [settings.bos_token_id, *(eos if isinstance(eos, list) else [eos])]
    if pad not in others:
        warn_once(
            "padding-inferred",
            f"input_ids hold the padding token {pad} and came without attention_mask: these tokens are taken for padding",
        )
        return (ids != pad).long()
    edge = (ids[:, 0] == pad) if settings.bos_token_id != pad else (ids[:, -1] == pad)
    if bool(edge.any()) and not bool(edge.all()):
        warn_once(
            "padding-unclear",
            f"some rows begin or end with the token {pad}, which is padding and more, and came without attention_mask: all "
            "tokens count as real. Pass the tokenizer's attention_mask",
        )
    return None


def map_rows(value: Any, change: Callable[[Tensor], Tensor], rows: int) -> Any:
    """`value` with `change` made to every tensor in it that has `rows` rows; what has no rows stays as it is."""
    if isinstance(value, Tensor):
        return change(value) if value.dim() and value.shape[0] == rows else value
    if isinstance(value, ModelOutput):
        return type(value)(**{name: map_rows(item, change, rows) for name, item in value.items()})
    if isinstance(value, tuple):
        return tuple(map_rows(item, change, rows) for item in value)
    return value


def repeat_rows(value: Any, times: int, rows: int) -> Any:
    """`value` with each of its `rows` rows `times` times, side by side; what has no rows stays as it is."""
    return map_rows(value, lambda tensor: tensor.repeat_interleave(times, dim=0), rows)


def as_cache(given: Any, is_encoder_decoder: bool) -> Cache:
    """The caller's `past_key_values`: a cache, used as it is, or the older tuples of tensors.

    Raises:
        ArgumentError: it is neither.
    """
    if isinstance(given, tuple | list):
        from ..cache.kinds.dynamic import DynamicCache

        layers = tuple(given)
        for layer in layers:
            whole = isinstance(layer, tuple | list) and len(layer) in (2, 4) and all(isinstance(x, Tensor) for x in layer)
            if not whole or any(x.dim() != 4 for x in layer) or layer[0].shape[:3] != layer[1].shape[:3]:
                raise ArgumentError(
                    "past_key_values is a list, but not of keys and values (batch, heads, tokens, width) in pairs, by layers"
                )
        return EncoderDecoderCache.from_legacy_cache(layers) if is_encoder_decoder else DynamicCache.from_legacy_cache(layers)
    if not isinstance(given, Cache):
        raise ArgumentError(f"past_key_values is a {type(given).__name__}; expected a cache of bestiary.cache")
    return given

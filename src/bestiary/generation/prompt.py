"""What a generation starts from: the prompts as tokens, embeddings or an encoder's output, with their mask and their cache."""

from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..cache.base import Cache
from ..core.errors import ArgumentError, InputError, did_you_mean
from ..core.logging import warn_once
from ..core.outputs import BaseModelOutput, ModelOutput, map_rows, repeat_rows
from ..core.signatures import is_of_the_library, undecorated
from ..nn import inputs
from . import checks
from .config import GenerationConfig
from .model import EncoderDecoder, GeneratingModel, has_encoder


class Names(NamedTuple):
    """What a model's forward calls the inputs of the part that generates."""

    ids: str
    mask: str
    embeds: str


DECODER_ONLY = Names("input_ids", "attention_mask", "inputs_embeds")
ENCODER_DECODER = Names("decoder_input_ids", "decoder_attention_mask", "decoder_inputs_embeds")
# Inputs of a decoder with a column for each slot, which go on with it.
COLUMNS = {"position_ids", "token_type_ids"}


@dataclass
class Prompt:
    """The start of a generation. R rows.

    ids (R, T): the prompt; embeds (R, E, D): what the model reads in its place, where `ids` are only seen by processors and
    returned. mask (R, offset + T): 0 for padding, None when nobody spoke of padding; padded: whether there is any.
    offset: slots before the first of `ids`; E - T with embeddings, so below 0 where they are fewer.
    continued: whether `cache` is the caller's. copies: rows of each prompt. max_length: tokens of a row at which it ends.
    constant, first, recorded: inputs of every pass, of the first pass (`COLUMNS` go on in later ones), and those that ask for
    states and attentions.
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
    constant: dict[str, Any] = field(default_factory=dict)
    first: dict[str, Any] = field(default_factory=dict)
    recorded: dict[str, Any] = field(default_factory=dict)
    encoder_ids: Tensor | None = None
    encoder_outputs: ModelOutput | None = None
    max_length: int = 0
    copies: int = 1
    counts_positions: bool = False
    first_position: int = 0

    def leading_padding(self) -> Tensor | None:
        """Tokens of padding (R,) at the start of each row of `ids`; None where there are none."""
        if not self.padded or self.mask is None or (self.embeds is not None and self.offset):
            return None  # of embeddings that are not as many as `ids`, the mask says nothing of these
        return self.mask[:, self.offset :].cumsum(1).eq(0).sum(1)

    def encoder_tokens(self) -> Tensor | None:
        """`encoder_ids` (R, S) with -1 in place of padding; None where the input is no text."""
        mask = self.constant.get("attention_mask") if self.encoder_outputs is not None else self.mask
        if self.encoder_ids is None or mask is None or self.embeds is not None:
            return self.encoder_ids
        return self.encoder_ids.masked_fill(mask[:, mask.shape[1] - self.encoder_ids.shape[1] :] == 0, -1)

    def next_position(self, mask: Tensor | None, slots: int) -> Tensor | None:
        """The position (R, 1) of the token after the first `slots`, where it is not simply `slots`."""
        if not self.padded or mask is None or not self.counts_positions or "position_ids" in self.first:
            return None
        return mask[:, :slots].sum(1, keepdim=True) + self.first_position

    def repeat(self, times: int) -> None:
        """Each row `times` times, side by side."""
        if times > 1:
            self._map(lambda value: value.repeat_interleave(times, dim=0))
            self.encoder_ids = repeat_rows(self.encoder_ids, times, self.ids.shape[0] // times)
        self.copies = times

    def select(self, rows: Tensor) -> None:
        """Replace what every pass is given by its rows `rows` (N,)."""
        self._map(lambda value: value[rows])
        self.copies = 1

    def _map(self, change: Callable[[Tensor], Tensor]) -> None:
        rows = self.ids.shape[0]
        for name in ("ids", "mask", "embeds"):
            setattr(self, name, map_rows(getattr(self, name), change, rows))
        for passes in (self.constant, self.first):
            passes.update({name: map_rows(value, change, rows) for name, value in passes.items()})


def read_prompt(model: GeneratingModel, settings: GenerationConfig, arguments: dict[str, Any]) -> Prompt:
    """The prompt in the `arguments` for the model's forward, which it takes over. The model runs only if it has an encoder.

    Raises:
        InputError: an argument is not what it is said to be.
    """
    if has_encoder(model):
        prompt = _read_encoder_decoder(model, settings, arguments)
    else:
        prompt = _read_decoder(model, settings, arguments)
    prompt.recorded = recorded_by(settings)
    checks.check_token_ids(settings, model, prompt.ids.shape[0])
    return prompt


def _read_decoder(model: GeneratingModel, settings: GenerationConfig, arguments: dict[str, Any]) -> Prompt:
    ids, embeds = arguments.pop("input_ids", None), arguments.pop("inputs_embeds", None)
    if ids is None and embeds is None:
        ids = start_tokens(model, settings, 1, model.device)
    if embeds is not None:
        inputs.check_embeds(embeds, model.get_input_embeddings(), model.dtype)
    if ids is None:
        ids = torch.zeros(embeds.shape[0], 0, dtype=torch.int64, device=embeds.device)
    ids = checks.check_ids(model, ids, embeds is not None)
    prompt = Prompt(settings, DECODER_ONLY, ids, embeds=embeds, mask=arguments.pop("attention_mask", None))
    if embeds is not None:
        if ids.shape[0] != embeds.shape[0]:
            raise InputError(
                f"input_ids have {ids.shape[0]} rows and inputs_embeds {embeds.shape[0]}; they are the same prompts"
            )
        prompt.offset = embeds.shape[1] - ids.shape[1]
    parameters = forward_parameters(model)
    prompt.counts_positions = "position_ids" in parameters
    prompt.first_position = model.config.get_text_config(decoder=True).first_position
    forward: Any = vars(type(model)).get("forward")
    own = parameters if forward is None or is_of_the_library(forward) else signature(undecorated(forward)).parameters
    if "logits_to_keep" in parameters and "logits_to_keep" in own:  # a user's forward may hand on what it does not name
        prompt.first["logits_to_keep"] = 1
    prompt.first.update({name: arguments.pop(name) for name in COLUMNS if arguments.get(name) is not None})
    prompt.encoder_ids = ids if ids.shape[1] else None
    if prompt.mask is None and embeds is None:
        prompt.mask = infer_mask(ids, settings)
    prompt.constant.update(arguments)
    return prompt


def _read_encoder_decoder(model: EncoderDecoder, settings: GenerationConfig, arguments: dict[str, Any]) -> Prompt:
    main = model.main_input_name
    source = _read_source(model, settings, arguments)
    encoded = _encode(model, settings, arguments)
    states = inputs.check_encoded(encoded, source, main)
    ids, mask = _read_decoder_ids(model, settings, arguments, states)
    prompt = Prompt(settings, ENCODER_DECODER, ids, mask=mask, encoder_outputs=encoded)
    prompt.encoder_ids = source if main == "input_ids" else None
    parameters = forward_parameters(model) - {main, "inputs_embeds"}  # what only the encoder takes has done its part
    prompt.constant = {name: value for name, value in arguments.items() if name in parameters}
    prompt.constant["encoder_outputs"] = BaseModelOutput(states)
    return prompt


def _read_source(model: EncoderDecoder, settings: GenerationConfig, arguments: dict[str, Any]) -> Any:
    """The encoder's main input, checked; its mask is put into the arguments where it is clear and missing."""
    main, mask = model.main_input_name, arguments.get("attention_mask")
    source = arguments.get(main)
    if main != "input_ids" or source is None:
        return source
    source = arguments[main] = checks.check_ids(model, source)
    if mask is not None:
        inputs.check_slots(mask, source.shape[1], source.shape[0])
    elif (mask := infer_mask(source, settings)) is not None:
        arguments["attention_mask"] = mask
    return source


def _encode(model: EncoderDecoder, settings: GenerationConfig, arguments: dict[str, Any]) -> Any:
    """The encoder's output: the caller's, or made of the arguments."""
    encoded = arguments.pop("encoder_outputs", None)
    if isinstance(encoded, Tensor):
        return BaseModelOutput(encoded)
    if isinstance(encoded, tuple | list):
        return BaseModelOutput(*encoded)
    if encoded is not None:
        return encoded
    main = model.main_input_name
    if arguments.get(main) is None and arguments.get("inputs_embeds") is None:
        raise InputError(f"{type(model).__name__} needs {main} (or encoder_outputs) to generate from")
    encoder = model.get_encoder()
    parameters = forward_parameters(encoder)
    encoder_inputs = {name: value for name, value in arguments.items() if name in parameters}
    return encoder(**encoder_inputs, **recorded_by(settings), return_dict=True)


def recorded_by(settings: GenerationConfig) -> dict[str, bool]:
    """The arguments of a forward that record what the settings want returned."""
    if not settings.return_dict_in_generate:
        return {}
    return {name: True for name in ("output_attentions", "output_hidden_states") if settings.get(name)}


def _read_decoder_ids(
    model: GeneratingModel, settings: GenerationConfig, arguments: dict[str, Any], states: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The decoder's first tokens (R, T) and their mask: the caller's, behind the start token where that is missing."""
    ids, mask = arguments.pop("decoder_input_ids", None), arguments.pop("decoder_attention_mask", None)
    cache = arguments.get("past_key_values")
    if ids is None:
        return start_tokens(model, settings, states.shape[0], states.device), mask
    ids = checks.check_ids(model, ids, name="decoder_input_ids")
    if ids.shape[0] != states.shape[0]:
        raise InputError(f"decoder_input_ids have {ids.shape[0]} rows and the encoder's output {states.shape[0]}")
    if mask is not None:
        cached = 0 if cache is None else mask.shape[1] - ids.shape[1]
        inputs.check_slots(mask, ids.shape[1] + cached, ids.shape[0], "decoder_attention_mask")
    has_start = settings.decoder_start_token_id is not None or settings.bos_token_id is not None
    goes_on = cache is not None and not (isinstance(cache, Cache) and cache.get_seq_length() == 0)
    if not has_start or goes_on:
        return ids, mask
    start = start_tokens(model, settings, states.shape[0], states.device)
    if bool((ids[:, :1] == start).all()):
        return ids, mask
    if mask is not None:
        mask = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
    return torch.cat([start, ids], dim=1), mask


def forward_parameters(model: GeneratingModel) -> frozenset[str]:
    """Names of the arguments that the model's forward takes, those it hands on to its backbone included."""
    return inputs.forward_parameters(type(model), type(model.base_model))


def check_arguments(model: GeneratingModel, arguments: dict[str, Any], others: set[str]) -> None:
    """Refuse keywords that neither `generate` nor the model takes, with the nearest that one of them does."""
    parameters = forward_parameters(model)
    if has_encoder(model):
        parameters = parameters | forward_parameters(model.get_encoder())
    for name in arguments:
        if name not in parameters:
            near = did_you_mean(name, sorted(parameters | others))
            raise ArgumentError(f"{type(model).__name__}.generate() takes no argument {name!r:.80}.{near}")


def start_tokens(model: GeneratingModel, settings: GenerationConfig, rows: int, device: torch.device) -> Tensor:
    """The decoder's first token (rows, 1): `decoder_start_token_id` (one, or one per row), else `bos_token_id`."""
    start = settings.decoder_start_token_id
    if start is None and has_encoder(model):
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

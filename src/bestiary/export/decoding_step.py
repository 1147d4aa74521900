"""One decoding step as a pure function of tensors, for `torch.export`: no cache object, no structure of ours."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from ..cache.base import Cache
from ..cache.encoder_decoder import EncoderDecoderCache
from ..cache.kinds.dynamic import DynamicCache
from ..cache.layer_types import layer_types
from ..core.errors import ArgumentError
from ..core.outputs import BaseModelOutput
from ..generation.model import GeneratingModel
from ..nn.evaluating import evaluating
from ..nn.rope import Rotary

# What an exported step takes by place; `torch.export` knows either places or names.
_FIRST = ("input_ids", "position_ids", "past")


def cache_tensors(cache: Cache) -> list[Tensor]:
    """What `cache` holds as the plain list that an exported step takes: keys and values of each layer, (B, G, S, K) each.

    For an encoder-decoder, keys and values of the encoder's output follow those of each layer.
    """
    return [tensor for layer in cache.to_legacy_cache() for tensor in layer]


class DecodingStep(nn.Module):
    """(tokens, positions, cache tensors, ...) -> (logits, cache tensors): what is exported; it runs as it is, too."""

    def __init__(self, model: GeneratingModel) -> None:
        super().__init__()
        self.model = model
        self.pairs = bool(model.config.is_encoder_decoder)

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None,
        past: list[Tensor],
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """One more token for each row.

        Args:
            input_ids: (B, 1), the newest token of each row. position_ids: (B, 1), how many real tokens come before it; None for
                an encoder-decoder.
            past: as `cache_tensors` gives it, for the S tokens before.
            attention_mask: of a step exported as `padded`: (B, S + 1) with 0 for padding; of the encoder's text, (B, E), for
                an encoder-decoder.
            encoder_hidden_states: (B, E, D) for an encoder-decoder.

        Returns:
            Logits (B, V), and `past` with the new token: what the next step takes.
        """
        size = 4 if self.pairs else 2
        layers = tuple(tuple(past[at : at + size]) for at in range(0, len(past), size))
        cache: Cache = (EncoderDecoderCache if self.pairs else DynamicCache).from_legacy_cache(layers)
        inputs: dict[str, Any] = {"attention_mask": attention_mask, "past_key_values": cache, "use_cache": True}
        if self.pairs:
            inputs |= {"decoder_input_ids": input_ids, "encoder_outputs": BaseModelOutput(cast(Tensor, encoder_hidden_states))}
        else:
            first = self.model.config.get_text_config(decoder=True).first_position
            inputs |= {"input_ids": input_ids, "position_ids": position_ids if position_ids is None else position_ids + first}
        logits = self.model(**inputs, return_dict=True).logits
        return logits[:, -1], cache_tensors(cache)


@torch.no_grad()
def export_step(model: GeneratingModel, padded: bool = False) -> ExportedProgram:
    """The decoding step of `model` as a program for any number of rows and tokens; see `DecodingStep.forward`.

    It takes token, position and past in this order, and what else it needs by name.

    Args:
        padded: the program takes a mask as well (`attention_mask`), for rows of different lengths.

    Raises:
        ArgumentError: the model's positions change with the length of the text, which a program without branches cannot do, or
            it has layers that keep a state instead of keys and values.

    >>> program = export_step(model).module()  # doctest: +SKIP
    >>> output = model(ids, use_cache=True)
    >>> past, position = cache_tensors(output.past_key_values), torch.full((1, 1), ids.shape[1])
    >>> logits, past = program(output.logits[:, -1:].argmax(-1), position, past)
    """
    if any(isinstance(part, Rotary) and part.by_length for part in model.modules()):
        raise ArgumentError("rotary positions that change with the length of the text (dynamic, longrope) cannot be exported")
    if layer_types(model.config).keeps_states:
        raise ArgumentError(
            f"{type(model).__name__} has layers that keep a state; an exported step takes keys and values. Export its forward, "
            "with use_cache=False"
        )
    step = DecodingStep(model)
    with evaluating(step):
        example = _example(model, padded)
        first = tuple(example[name] for name in _FIRST)
        named = {name: value for name, value in example.items() if name not in _FIRST}
        return torch.export.export(step, first, named, dynamic_shapes=_shapes(example, step.pairs), strict=False)


def _example(model: GeneratingModel, padded: bool) -> dict[str, Any]:
    """Inputs of a step for two rows: 3 tokens in the cache, and 5 of a source where there is one."""
    ids = torch.ones(2, 3, dtype=torch.int64, device=model.device)
    example: dict[str, Any] = {"input_ids": ids[:, :1], "position_ids": None}
    if model.config.is_encoder_decoder:
        cache: Cache = EncoderDecoderCache()
        width = model.config.get_text_config(decoder=False).hidden_size
        states = torch.zeros(2, 5, width, dtype=model.dtype, device=model.device)
        example["encoder_hidden_states"], masked = states, 5
        inputs = {"decoder_input_ids": ids, "encoder_outputs": BaseModelOutput(states)}
    else:
        cache, masked = DynamicCache(), 4
        example["position_ids"] = torch.full((2, 1), 3, device=model.device)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    model(**inputs, past_key_values=cache, use_cache=True)
    example["past"] = cache_tensors(cache)
    return example | ({"attention_mask": ids.new_ones(2, masked)} if padded else {})


def _shapes(example: dict[str, Any], pairs: bool) -> dict[str, Any]:
    rows, past, source = Dim("rows", min=1), Dim("held", min=1), Dim("source", min=1)
    shapes: dict[str, Any] = {name: None if example[name] is None else {0: rows} for name in ("input_ids", "position_ids")}
    shapes["past"] = [{0: rows, 2: source if pairs and index % 4 > 1 else past} for index in range(len(example["past"]))]
    if "encoder_hidden_states" in example:
        shapes["encoder_hidden_states"] = {0: rows, 1: source}
    if "attention_mask" in example:
        shapes["attention_mask"] = {0: rows, 1: source if pairs else past + 1}
    return shapes

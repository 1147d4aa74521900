"""Inputs of a given size for a model, made of its config alone: what is benchmarked and forecast reads them."""

import inspect
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError


def example_inputs(model: Any, batch: int, length: int, seed: int = 0) -> dict[str, Tensor]:
    """Keywords of a forward: `batch` rows of `length` tokens drawn at random, or of images or sounds of the config's size.

    Models that read texts and images get both where their forward cannot do without. An encoder-decoder of text gets its
    tokens a second time, for the decoder.

    Raises:
        InputError: no such inputs can be made for this model, or it takes no row so long.
    """
    config, name = model.config, model.main_input_name
    draw = torch.Generator().manual_seed(seed)
    if name == "input_ids":
        inputs = _tokens(config, batch, length, draw)
    elif name == "pixel_values":
        inputs = {name: torch.rand(_image(model, batch), generator=draw)}
    elif name == "input_features":
        inputs = {name: torch.rand(_spectrogram(model, batch), generator=draw)}
    elif name == "input_values":
        inputs = {name: torch.rand(batch, length, generator=draw)}
    else:
        raise InputError(f"{type(model).__name__} takes {name}, which a config alone does not tell the size of")
    needed = _needed(model)
    if config.get("vision_config") is not None and {"input_ids", "pixel_values"} <= needed:
        inputs |= _tokens(config.get_text_config(), batch, length, draw)
        inputs["pixel_values"] = torch.rand(_image(model, batch), generator=draw)
    if config.is_encoder_decoder and "decoder_input_ids" in _parameters(model):
        ids = inputs.get("input_ids")
        inputs["decoder_input_ids"] = (
            torch.full((batch, 1), config.get_text_config().get("decoder_start_token_id") or 0) if ids is None else ids
        )
    return inputs


def prompt_of(model: Any, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of the inputs that `generate` takes: the decoder begins by itself."""
    return {name: value for name, value in inputs.items() if name != "decoder_input_ids"}


def _tokens(config: Any, batch: int, length: int, draw: torch.Generator) -> dict[str, Tensor]:
    text = config.get_text_config()
    most = text.get("max_position_embeddings")
    if isinstance(most, int) and not text.get("rope_parameters") and 0 < most < length:
        raise InputError(f"rows of {length:,} tokens are too long: a model of type {text.model_type} takes {most:,}")
    special = {value for name in ("pad", "bos", "eos") if isinstance(value := text.get(f"{name}_token_id"), int)}
    words = torch.tensor([number for number in range(min(text.vocab_size, 1 << 20)) if number not in special])
    ids = words[torch.randint(len(words), (batch, length), generator=draw)]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _image(model: Any, batch: int) -> tuple[int, ...]:
    config = model.config.get("vision_config") or model.config
    size = config.get("image_size") or 224
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    return batch, config.get("num_channels") or 3, height, width


def _spectrogram(model: Any, batch: int) -> tuple[int, ...]:
    config = model.config
    if (bins := config.get("num_mel_bins")) is None:
        raise InputError(f"{type(model).__name__} takes input_features, and its config has no num_mel_bins that says how many")
    frames = 2 * (config.get("max_source_positions") or 1500)
    return batch, bins, frames


def _parameters(model: Any) -> Any:
    return inspect.signature(model.forward).parameters


def _needed(model: Any) -> set[str]:
    return {name for name in ("input_ids", "pixel_values") if name in _parameters(model)}

"""Saving a model as one GGUF file, with its tokenizer, for programs that stand on llama.cpp."""

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ConfigError, SaveError
from ..core.files import replacing
from ..core.sizes import show_size
from ..loading.formats.gguf import FILE_NAME
from ..loading.gguf.architectures import ARCHITECTURES
from ..loading.gguf.changes import Heads
from ..loading.gguf.kinds import kind_of, mix_named
from ..loading.gguf.metadata import metadata_of
from ..loading.gguf.names import rules
from ..loading.gguf.positions import tensors_of
from ..loading.gguf.write import nbytes, write
from ..loading.report import fold
from ..loading.rules import Recipe, on_load, on_save
from ..loading.save import without_ties
from .parts import ModelParts

Read = Callable[[str], torch.Tensor]
_USUAL = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def save_gguf(
    model: ModelParts, folder: Path, state: Mapping[str, torch.Tensor], read: Read | None, quantization: Any, tokenizer: Any
) -> list[Path]:
    """Write `model.gguf` into `folder`, whole or not at all.

    Args:
        state: the model's tensors by their names. read: gives the data of those that it holds without data.
        quantization: the type of most matrices, or a mix of types, under llama.cpp's name; None: what the model is in.
        tokenizer: whose vocabulary and chat template the file gets; None: that in `folder`, if one is there.

    Raises:
        ArgumentError: there is no such quantization. ConfigError: GGUF has no place for this model, or for part of it.
        SaveError: not enough space; what was there before is still whole.
    """
    if getattr(model, "is_quantized", False):
        raise ConfigError(f"{type(model).__name__} is quantized by another method: dequantize() it first")
    mix = mix_named(_USUAL.get(model.dtype, "F32") if quantization is None else quantization)
    metadata = metadata_of(model.config, Path(model.config.name_or_path).name)
    recipes, shapes = _tensors(model, state, metadata, read)
    layers = metadata.get(f"{metadata['general.architecture']}.block_count", 1)
    tied = "output.weight" not in recipes
    tensors = {name: (kind_of(name, shape, mix, layers, tied), shape) for name, shape in shapes.items()}
    if "blk.0.ffn_gate.weight" in shapes:  # some configs say a size that is rounded up
        metadata[f"{metadata['general.architecture']}.feed_forward_length"] = shapes["blk.0.ffn_gate.weight"][0]
    metadata |= {"general.file_type": mix.number, "general.quantization_version": 2}
    metadata |= _tokenizer(tokenizer, folder, int(shapes["token_embd.weight"][0]))
    needed = sum(nbytes(kind, shape) for kind, shape in tensors.values())
    if (free := shutil.disk_usage(folder).free) < needed:
        raise SaveError(f"the weights need {show_size(needed)}, {folder} has {show_size(free)} free; nothing was written")
    target = folder / FILE_NAME
    with replacing(target) as path:
        write(path, metadata, tensors, lambda name: recipes[name].build(read or state.__getitem__))
    return [target]


def _tensors(
    model: ModelParts, state: Mapping[str, torch.Tensor], metadata: Mapping[str, Any], read: Read | None
) -> tuple[dict[str, Recipe], dict[str, tuple[int, ...]]]:
    """How the tensors of the file are made of the model's, and their shapes."""
    key = metadata["general.architecture"]
    rows = {name: len(tensor) for name, tensor in state.items() if tensor.dim()}
    ours = on_save(model._weight_rules, without_ties(state, model.tied_weights(), read), rows)
    start = f"{model.base_model_prefix}."
    if hasattr(model, model.base_model_prefix) or not any(name.startswith(start) for name in ARCHITECTURES[key].names):
        start = ""
    published = {f"{start}{name}": recipe for name, recipe in ours.items()}
    made = on_load(rules(ARCHITECTURES[key], Heads.of(key, metadata)), published)
    if lost := [name for name in made if name in published]:
        raise ConfigError(
            f"GGUF has no place for {', '.join(fold(lost))} of {type(model).__name__}; expected the backbone of a {key} model,"
            " or one with its head over the vocabulary"
        )

    def composed(recipe: Recipe) -> Recipe:
        sources = tuple(source for name in recipe.sources for source in published[name].sources)
        return Recipe(sources, lambda fetch: recipe.build(lambda name: published[name].build(fetch)))

    recipes = {name: composed(recipe) for name, recipe in made.items()}
    for name, numbers in tensors_of(model.config).items():
        recipes[name] = Recipe((), partial(_constant, torch.tensor(numbers)))
    empty = partial(torch.empty_like, device="meta")
    return recipes, {name: tuple(recipe.build(lambda each: empty(state[each])).shape) for name, recipe in recipes.items()}


def _constant(tensor: torch.Tensor, fetch: Read) -> torch.Tensor:
    return tensor


def _tokenizer(tokenizer: Any, folder: Path, vocab_size: int) -> dict[str, Any]:
    from ..preprocess.text.converters.gguf_metadata import metadata_of as metadata_of_tokenizer
    from ..preprocess.text.tokenizer import PreTrainedTokenizerFast

    if tokenizer is None and (folder / "tokenizer.json").is_file():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    return {"tokenizer.ggml.model": "no_vocab"} if tokenizer is None else metadata_of_tokenizer(tokenizer, vocab_size)

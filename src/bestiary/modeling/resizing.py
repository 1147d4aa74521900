"""Growing and shrinking the vocabulary of a model."""

from contextlib import suppress

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..core.kinds import Length, describe, fits
from ..nn.quantized import QuantizedEmbedding, QuantizedLinear
from .parts import ModelParts


def resize(
    model: ModelParts,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
    mean_resizing: bool = True,
) -> nn.Embedding:
    """Give the embedding, the output layer and its bias `new_num_tokens` rows; returns the embedding.

    Old rows stay as they are, so logits of old tokens do not change. New rows are drawn around the mean of the old ones
    with their covariance scaled down (Hewitt 2021), or, without `mean_resizing`, as the family initialises weights.

    Args:
        new_num_tokens: the new size; None keeps it (and only pads).
        pad_to_multiple_of: round the size up to a multiple of this.

    Raises:
        InputError: no such size is possible, or there is no table.
    """
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, nn.Embedding):
        raise InputError(f"{type(model).__name__} has no token embedding to resize")
    size = new_size(embedding.num_embeddings, new_num_tokens, pad_to_multiple_of)
    if size == embedding.num_embeddings:
        return embedding
    if isinstance(embedding, QuantizedEmbedding) or isinstance(model.get_output_embeddings(), QuantizedLinear):
        raise InputError(
            "the words of this model are in few bits, of which no others can be drawn: dequantize() it before it is resized"
        )
    if "disk" in model.__dict__.get("hf_device_map", {}).values():
        raise InputError(
            "a part of this model lies on disk and would keep its size; resize it before it is spread (device_map)"
        )
    old_size = embedding.num_embeddings
    resize_table(model, embedding, model.get_output_embeddings(), size, mean_resizing)
    for table in _other_tables(model, embedding, old_size):
        _resize_rows(model, table, "weight", size, mean_resizing)
        _say_size(table, size)
    for module, name in model.vocabulary_biases():
        resize_bias(module, name, size)
    text = model.config.get_text_config()
    text.__dict__[text.attribute_map.get("vocab_size", "vocab_size")] = size
    model.config.__dict__.update({"vocab_size": size} if "vocab_size" in type(model.config)._field_names else {})
    _tell_size(model, size)
    model.tie_weights()
    return embedding


def new_size(size: int, new_num_tokens: int | None, pad_to_multiple_of: int | None) -> int:
    """How many rows a table of `size` rows is to have; arguments and errors as of `resize`."""
    for name, number in (("new_num_tokens", new_num_tokens), ("pad_to_multiple_of", pad_to_multiple_of)):
        if not fits(number, Length | None):
            raise InputError(f"{name} is {number!r:.60}; expected {describe(Length | None)}")
    size = size if new_num_tokens is None else new_num_tokens
    return size if pad_to_multiple_of is None else -(-size // pad_to_multiple_of) * pad_to_multiple_of


def resize_table(model: ModelParts, embedding: nn.Embedding, head: nn.Module | None, size: int, mean_resizing: bool) -> None:
    """Give a table of words and the layer of their logits, which may be tied to it, `size` rows; arguments as of `resize`."""
    old_size, tied = embedding.num_embeddings, isinstance(head, nn.Linear) and head.weight is embedding.weight
    _resize_rows(model, embedding, "weight", size, mean_resizing)
    _say_size(embedding, size)
    if isinstance(head, nn.Linear):
        if tied:
            head.weight = embedding.weight
        elif head.out_features == old_size:
            _resize_rows(model, head, "weight", size, mean_resizing)
        head.out_features = size


def resize_halves(
    model: ModelParts,
    head: nn.Module | None,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
    mean_resizing: bool = True,
) -> nn.Embedding:
    """The same for an encoder-decoder whose halves have a table each; `head` gives the decoder's logits, if anything does."""
    encoder, decoder = model.get_encoder(), model.get_decoder()
    table = resize(encoder, new_num_tokens, pad_to_multiple_of, mean_resizing)
    if decoder is not encoder:
        resize_table(model, decoder.get_input_embeddings(), head, table.num_embeddings, mean_resizing)
    _tell_size(model, table.num_embeddings)
    model.tie_weights()
    return table


def _tell_size(model: ModelParts, size: int) -> None:
    """A resized model has `vocab_size`, as published, also where models of its class do not say it from the start."""
    if not hasattr(type(model), "vocab_size"):
        vars(model)["vocab_size"] = size


def _say_size(table: nn.Embedding, size: int) -> None:
    table.num_embeddings = size
    if table.padding_idx is not None and table.padding_idx >= size:
        table.padding_idx = None


def _other_tables(model: ModelParts, embedding: nn.Embedding, old_size: int) -> list[nn.Embedding]:
    """The tables of `old_size` words that parts with the model's own config have besides `embedding`, tied to it or not."""
    tables: dict[int, nn.Embedding] = {}
    parts = [part for part in model.modules() if isinstance(part, ModelParts) and part.config is model.config]
    for part in parts:
        with suppress(ArgumentError):  # a part that reads no words
            table = part.get_input_embeddings()
            if isinstance(table, nn.Embedding) and table is not embedding and len(table.weight) == old_size:
                tables[id(table)] = table
    return list(tables.values())


@torch.no_grad()
def _resize_rows(model: ModelParts, module: nn.Module, name: str, size: int, mean_resizing: bool) -> None:
    old = module.get_parameter(name)
    common = min(size, len(old))
    new = old.new_empty((size, *old.shape[1:]))
    new[:common] = old[:common]
    if size > common:
        new[common:] = _new_rows(model, old, size - common, mean_resizing)
    setattr(module, name, nn.Parameter(new, requires_grad=old.requires_grad))


@torch.no_grad()
def resize_bias(module: nn.Module, name: str, size: int) -> None:
    """A bias (V) or (1, V), a parameter or a stored buffer, cut or with zeros behind it."""
    old = {**module._parameters, **module._buffers}[name]
    if old is not None:
        new = nn.functional.pad(old, (0, size - old.shape[-1]))
        setattr(module, name, nn.Parameter(new, requires_grad=old.requires_grad) if name in module._parameters else new)


def _new_rows(model: ModelParts, old: Tensor, count: int, mean_resizing: bool) -> Tensor:
    if not mean_resizing:
        return old.new_empty((count, old.shape[1])).normal_(0.0, model.config.get("initializer_range", 0.02))
    rows = old.float()
    mean = rows.mean(0)
    # A draw with the old rows' covariance is a random mixture of their deviations; 1e-9 of it keeps the mean's logits.
    mixture = torch.randn(count, len(rows), device=old.device) / max(len(rows), 1) ** 0.5
    output: Tensor = (mean + (1e-9**0.5) * mixture @ (rows - mean)).to(old.dtype)
    return output

"""What is wrong with the input of a forward, said before it runs, or made clear after it failed.

Types and shapes are looked at wherever more than one token goes in, numbers only where they are at hand (`nn/values.py`), which
on an accelerator they are not. A decoding step pays for next to nothing.
"""

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ..cache.base import Cache
from ..core.errors import ArgumentError, InputError, did_you_mean
from ..generation.prepare import forward_parameters
from ..nn.values import extremes, is_true, may_look
from . import head_masks

if TYPE_CHECKING:
    from .base import PreTrainedModel

# What `PreTrainedModel.__call__` takes besides the arguments of forward.
OF_EVERY_CALL = ("output_hidden_states", "output_attentions", "return_dict", *head_masks.NAMES)

_IDS = (torch.int64, torch.int32)


def check_tokens(model: "PreTrainedModel", args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse what no forward over tokens can use; `args` begin with input_ids (B, T) and attention_mask (B or 1, S).

    Raises:
        InputError: a wrong type, dtype or shape, ids that the vocabulary does not have, a mask of other numbers than 0 and 1,
            padding that no mask hides, negative positions.
    """
    ids = args[0] if args else kwargs.get("input_ids")
    if isinstance(ids, Tensor):
        shape = ids.shape
        if len(shape) == 2 and shape[1] == 1 and ids.dtype is torch.int64:
            return  # a decoding step, which pays for no more than this
        if len(shape) != 2 or shape[1] == 0 or ids.dtype not in _IDS:
            raise _wrong_ids(ids)
        rows = _Rows("input_ids", shape)
    elif ids is None and isinstance(kwargs.get("inputs_embeds"), Tensor):
        rows = _Rows("inputs_embeds", kwargs["inputs_embeds"].shape)
        _check_embeds(model, kwargs["inputs_embeds"])
    elif ids is None:
        return  # forward says what is missing
    else:
        raise InputError(f"input_ids are a {type(ids).__name__}; expected a tensor (from a tokenizer: return_tensors='pt')")
    mask = args[1] if len(args) > 1 else kwargs.get("attention_mask")
    if mask is not None:
        _check_mask(mask, rows)
    for name in ("position_ids", "token_type_ids"):
        if kwargs.get(name) is not None:
            _check_companion(name, kwargs[name], rows)
    if ids is not None:
        _check_vocabulary(model, ids)
        if mask is None and not kwargs.get("past_key_values"):
            model.check_padding(ids)


def take_cache_position(model: "PreTrainedModel", kwargs: dict[str, Any]) -> None:
    """Take `cache_position` (T,) out of the arguments of a model that knows caches: these count the slots themselves.

    Raises:
        InputError: it says other slots than those after what the cache holds.
    """
    if "past_key_values" not in forward_parameters(model):
        return  # forward says that there is no such argument
    given, cache = kwargs.pop("cache_position"), kwargs.get("past_key_values")
    if given is None:
        return
    if not isinstance(given, Tensor) or given.dim() != 1 or given.dtype not in _IDS:
        raise InputError(f"cache_position is {_shown(given)}; expected the slots of the new tokens, a tensor of one dimension")
    held = cache.get_seq_length() if isinstance(cache, Cache) else 0
    slots = torch.arange(held, held + len(given), device=given.device)
    if may_look(given) and is_true((given != slots).any()):
        raise InputError(
            f"cache_position begins with {given[:3].tolist()}, and the cache holds {held} tokens: new ones take the slots from "
            f"{held} on (to go back, crop the cache)"
        )


def _shown(value: Any) -> str:
    return f"of {value.dtype} and shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


class _Rows(NamedTuple):
    """What the other inputs have to fit: the name and the shape (B, T, ...) of the main one."""

    name: str
    shape: torch.Size


def _wrong_ids(ids: Tensor) -> InputError:
    if ids.dtype not in _IDS:
        return InputError(f"input_ids are of {ids.dtype}; expected whole numbers of torch.int64 (ids.long())")
    hows = ["; for a single token: ids.view(1, 1)", "; for a single text: ids.unsqueeze(0)", ", at least one token", ""]
    how = hows[min(ids.dim(), 3)]
    return InputError(f"input_ids have shape {tuple(ids.shape)}; expected (batch, tokens){how}")


def _check_embeds(model: "PreTrainedModel", embeds: Tensor) -> None:
    table = model.get_input_embeddings()
    width = table.embedding_dim if isinstance(table, nn.Embedding) else embeds.shape[-1]
    if embeds.dim() != 3 or embeds.shape[-1] != width:
        raise InputError(f"inputs_embeds have shape {tuple(embeds.shape)}; expected (batch, tokens, {width})")
    if not embeds.is_floating_point():
        raise InputError(f"inputs_embeds are of {embeds.dtype}; expected {model.dtype}; ids go in as input_ids")


def _check_mask(mask: Any, rows: _Rows) -> None:
    if not isinstance(mask, Tensor):
        raise InputError(f"attention_mask is a {type(mask).__name__}; expected a tensor (batch, keys)")
    if mask.dim() > 1 and mask.shape[0] not in (1, rows.shape[0]):
        raise InputError(f"attention_mask has {mask.shape[0]} rows and {rows.name} {rows.shape[0]}; expected one for each")
    if mask.dim() != 2 or mask.dtype == torch.bool or not may_look(mask):
        return
    found = extremes(mask)
    if mask.is_floating_point() or (found is not None and not 0 <= found[0] <= found[1] <= 1):
        other = (mask != 0) & (mask != 1)
        if is_true(other.any()):
            wrong = mask[other][0].item()
            raise InputError(
                f"attention_mask holds {wrong}; expected 1 for real tokens and 0 for padding (only masks of 4 dimensions are"
                " added to scores)"
            )


def _check_companion(name: str, value: Any, rows: _Rows) -> None:
    if not isinstance(value, Tensor) or value.dtype not in _IDS:
        kind = f"of {value.dtype}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise InputError(f"{name} are {kind}; expected a tensor of torch.int64")
    if value.shape[-1:] != rows.shape[1:2]:
        raise InputError(f"{name} have shape {tuple(value.shape)} beside {rows.name} of {tuple(rows.shape)}")
    found = extremes(value)
    if found is not None and found[0] < 0:
        raise InputError(f"{name} hold {found[0]}; they count from 0")


def _check_vocabulary(model: "PreTrainedModel", ids: Tensor) -> None:
    if ids.is_meta and model.device.type != "meta":
        raise InputError(f"input_ids are on the meta device and hold nothing; the model is on {model.device}")
    found, vocab = extremes(ids), model.config.get_text_config().get("vocab_size")
    if found is not None and vocab is not None and (found[0] < 0 or found[1] >= vocab):
        raise InputError(
            f"input_ids hold {found[0] if found[0] < 0 else found[1]}, outside of the vocabulary of {vocab} (0 to {vocab - 1});"
            " the tokenizer belongs to another model, or resize_token_embeddings was not called"
        )


def check_padding(model: "PreTrainedModel", ids: Tensor) -> None:
    """Refuse padding in `ids` (B, T) that no mask hides, where this token can be nothing else."""
    pad = model.config.pad_token_id
    if pad is None or pad in (model.config.bos_token_id, model.config.eos_token_id) or not may_look(ids):
        return
    if is_true((ids == pad).any()):
        raise InputError(
            f"input_ids hold the padding token {pad}, and no attention_mask says which tokens are real; pass the"
            " tokenizer's attention_mask, or torch.ones_like(input_ids) to attend to padding on purpose"
        )


def one_of(ids: Tensor | None, embeds: Tensor | None, prefix: str = "") -> None:
    """Refuse both or neither of `input_ids` and `inputs_embeds`."""
    if (ids is None) == (embeds is None):
        raise InputError(f"pass either {prefix}input_ids or {prefix}inputs_embeds, and not both")


def explained(
    model: "PreTrainedModel", args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception
) -> ArgumentError | InputError | None:
    """What a failed forward should have said: a keyword that no forward takes, or an index beyond a table; else None."""
    known = sorted({*forward_parameters(model), *OF_EVERY_CALL})
    for name in kwargs:
        if name not in known:
            near = did_you_mean(name, known) or f" It takes {', '.join(known)}"
            return ArgumentError(f"{type(model).__name__} takes no argument {name!r}.{near}")
    if not isinstance(error, IndexError):
        return None
    found = []
    for name, value in [*zip(inspect.signature(model.forward).parameters, args, strict=False), *kwargs.items()]:
        held = extremes(value) if isinstance(value, Tensor) and value.dtype in _IDS else None
        if held is not None:
            found.append(f"{name} from {held[0]} to {held[1]}")
    vocab = model.config.get_text_config().get("vocab_size")
    return InputError(
        f"an index is outside of its table in {type(model).__name__} ({error}). Given: {', '.join(found) or 'no ids'}."
        + (f" Token ids go from 0 to {vocab - 1}" if vocab else "")
    )

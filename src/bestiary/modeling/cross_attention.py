"""What a decoder needs to attend to an encoder's output: the mask over it, and the cache of its keys and values."""

from typing import Any

from torch import Tensor

from ..cache.encoder_decoder import EncoderDecoderCache
from ..core.errors import InputError
from ..nn.inputs import check_mask, check_states, warn_of_hidden_rows
from ..nn.masks import Mask, make_mask
from .parts import ModelParts


def memory_mask(model: ModelParts, memory: Tensor, attention_mask: Tensor | None, x: Tensor) -> Mask:
    """The mask of `x` (B, T, D) over an encoder's states `memory` (B, S, D); `attention_mask` (B, S), 0 for padding.

    Raises:
        InputError: states of other rows than `x` or of another width than the model's, or a mask that does not fit them.
    """
    states, name = model.outer_name("encoder_hidden_states"), model.outer_name("encoder_attention_mask")
    width = model.config.declared("cross_attention_hidden_size") or model.config.get("hidden_size")
    check_states(memory, states, x.shape[0], width, model.outer_name("input_ids"))
    if attention_mask is not None and x.shape[1] > 1:  # a decoding step follows a pass in which it was looked at
        check_mask(attention_mask, memory.shape[0], name, beside=states)
        warn_of_hidden_rows(attention_mask, name)
    return make_mask(x.shape[1], x.device, attention_mask, causal=False, keys=memory.shape[1], name=name)


def look_at(
    model: ModelParts, memory: Tensor | None, attention_mask: Tensor | None, x: Tensor, cache: Any
) -> tuple[Mask | None, Any]:
    """The mask of `x` (B, T, D) over `memory` (B, S, D), and the cache with a second half for it; without memory, no mask.

    Raises:
        InputError: the model was built without cross-attention, or the memory does not fit.
    """
    if memory is None:
        return None, cache
    if not (model.config.add_cross_attention or model.config.declared("cross_attention_hidden_size")):
        raise InputError(
            "encoder_hidden_states were passed to a model built without cross-attention (add_cross_attention=True)"
        )
    return memory_mask(model, memory, attention_mask, x), EncoderDecoderCache.around(cache)

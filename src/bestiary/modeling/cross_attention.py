"""What a decoder needs to attend to an encoder's output: the mask over it, and the cache of its keys and values."""

from typing import Any

from torch import Tensor

from ..cache.encoder_decoder import EncoderDecoderCache
from ..core.errors import InputError
from ..nn.masks import Mask, make_mask
from .config import PreTrainedConfig


def look_at(
    memory: Tensor | None, attention_mask: Tensor | None, x: Tensor, cache: Any, config: PreTrainedConfig
) -> tuple[Mask | None, Any]:
    """The mask of `x` (B, T, D) over `memory` (B, S, D), and the cache with a second half for it; without memory, no mask.

    Raises:
        InputError: the model was built without cross-attention.
    """
    if memory is None:
        return None, cache
    if not config.add_cross_attention:
        raise InputError(
            "encoder_hidden_states were passed to a model built without cross-attention (add_cross_attention=True)"
        )
    mask = make_mask(x.shape[1], x.device, attention_mask, causal=False, keys=memory.shape[1])
    return mask, EncoderDecoderCache.around(cache)

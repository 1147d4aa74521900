"""How much the engine may hold: tokens of a request, and blocks of the cache."""

import torch

from ..cache.kinds.dynamic import DynamicCache
from ..core.errors import CapacityError
from ..generation.model import GeneratingModel
from ..nn.rope import Rotary
from ..placement.free_memory import free_memory
from .config import ContinuousBatchingConfig


def longest_request(model: GeneratingModel) -> tuple[int | None, bool]:
    """Tokens that a request should have, None where there is no limit, and whether it cannot have more.

    Where rotary positions change with the length of the text, it ends at that change: in one row with others, a text would be
    read with their positions.
    """
    changing = [module for module in model.modules() if isinstance(module, Rotary) and module.by_length]
    if changing:
        return min(int(module.parameters_.get("original_max_position_embeddings") or module.limit) for module in changing), True
    return model.context_length(), model.has_last_position()


@torch.no_grad()
def blocks_for(model: GeneratingModel, config: ContinuousBatchingConfig, tokens: int | None) -> int:
    """How many blocks the cache gets: enough for `tokens` (None: nobody knows how many), if memory allows.

    Raises:
        CapacityError: there is no memory for a single block.
    """
    probe = DynamicCache()
    ids = torch.zeros(1, 1, dtype=torch.int64, device=model.device)
    model(input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=probe, use_cache=True)
    token = sum(x[:, :, :1].numel() * x.element_size() for x in probe[0]) * len(probe)
    room = int(free_memory(model.device) * config.max_memory_percent) // (token * config.page_size)
    if room < 1:
        raise CapacityError(f"there is no memory for a block of {config.page_size} tokens, {token} bytes each; free some")
    # The last block of each request may hold a single token.
    return room if tokens is None else min(room, tokens // config.page_size + config.max_requests_per_batch)

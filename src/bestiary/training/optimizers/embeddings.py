"""Moments of embeddings in 32 bits, where an optimizer keeps those of other weights in 8: rows that are seldom used need it."""

from torch import nn

from ...core.optional import require


def keep_embeddings_in_32_bits(model: nn.Module) -> None:
    """Tell bitsandbytes so, for every embedding of `model`."""
    manager = require("bitsandbytes", "an optimizer with moments in 8 bits").optim.GlobalOptimManager.get_instance()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            manager.register_module_override(module, "weight", {"optim_bits": 32})

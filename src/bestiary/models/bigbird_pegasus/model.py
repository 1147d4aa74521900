"""What BigBird-Pegasus has besides BART's modules; its attention is that of `modeling/block_sparse.py`."""

from typing import Any

from torch import Tensor, nn

from ...modeling.block_sparse import BlockSparseEncoder, BlockSparseSelfAttention
from ...nn.masks import Mask
from ..bart.model import BartEncoder, BartEncoderLayer


class BigBirdPegasusEncoderAttention(nn.Module):
    """output(attention(x))."""

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.self = BlockSparseSelfAttention(config, layer_idx)
        self.output = nn.Linear(config.d_model, config.d_model, bias=config.use_bias)

    def forward(self, x: Tensor, mask: Mask, cache: Any = None, **context: Any) -> Tensor:
        output: Tensor = self.output(self.self(x, mask, cache))
        return output


class BigBirdPegasusEncoderLayer(BartEncoderLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    norm_first = True

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.add_module("self_attn", BigBirdPegasusEncoderAttention(config, layer_idx))


class BigBirdPegasusEncoder(BlockSparseEncoder, BartEncoder):
    """The encoder."""

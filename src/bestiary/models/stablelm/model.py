"""What of StableLM is not Llama. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ..llama.model import LlamaDecoderLayer
from . import StableLmConfig


class StableLmLayerNormPerHead(nn.Module):
    """A layer norm for each head, without bias.

    Args:
        shape: (H, K).
    """

    def __init__(self, shape: tuple[int, int], eps: float) -> None:
        super().__init__()
        self.num_heads, size = shape
        self.norms = nn.ModuleList(nn.LayerNorm(size, eps, bias=False) for _ in range(self.num_heads))

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, T, K) -> (B, H, T, K)."""
        return torch.stack([norm(states) for norm, states in zip(self.norms, x.unbind(1), strict=True)], dim=1)


class StableLmDecoderLayer(LlamaDecoderLayer):
    """Llama's block with layer norms, of which both halves share one where they read the same states."""

    norm_class, dropout_names = nn.LayerNorm, ("", "dropout")

    def __init__(self, config: StableLmConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.dropout = nn.Dropout(config.hidden_dropout)
        if config.use_parallel_residual:
            self.norm_names = ("input_layernorm", None, None, None)
            del self.post_attention_layernorm

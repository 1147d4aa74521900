"""What of LFM2 is not Llama. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...cache.kinds.recurrent import recurrent_layer
from ...nn.masks import Mask
from ...nn.packed import text_at_a_time
from ...nn.ssm import CausalConv1d
from ..llama.model import LlamaMLP
from . import Lfm2Config


class Lfm2MLP(LlamaMLP):
    """w2(silu(w1(x)) * w3(x))."""

    bias = False
    gate_name, up_name, down_name = "w1", "w3", "w2"

    def __init__(self, config: Lfm2Config) -> None:
        super().__init__(config, config.mlp_width)


class Lfm2ShortConv(nn.Module):
    """out(C * conv(B * X)), where B, C and X are three projections of the states."""

    def __init__(self, config: Lfm2Config, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, size = layer_idx, config.hidden_size
        self.conv = CausalConv1d(size, config.conv_L_cache, config.conv_bias)
        self.in_proj = nn.Linear(size, 3 * size, bias=config.conv_bias)
        self.out_proj = nn.Linear(size, size, bias=config.conv_bias)

    @property
    def conv_kernel_size(self) -> int:
        """How many inputs the convolution sees."""
        return int(self.conv.kernel_size[0])

    @text_at_a_time
    def forward(self, x: Tensor, mask: Mask, cache: Any) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding gives zeros to the convolution."""
        memory = None if cache is None else recurrent_layer(cache, self.layer_idx, x.device)
        real = mask.real_queries
        x = x if real is None else x * real
        before, behind, x = self.in_proj(x).chunk(3, dim=-1)
        inputs = before * x
        inputs = (inputs if real is None else inputs * real).transpose(1, 2)
        mixed = self.conv(inputs, None if memory is None else memory.conv_states)
        if memory is not None:
            memory.update_conv_state(inputs, self.conv_kernel_size)
        output: Tensor = self.out_proj(behind * mixed.transpose(1, 2))
        return output

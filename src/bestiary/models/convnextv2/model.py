"""The modules of ConvNeXt V2 that ConvNeXt does not have. Parameter names are the published ones."""

import torch
from torch import Tensor, nn

from ...modeling.convolution_config import ConvolutionStagesConfig
from ...nn.init import Starting, constant
from ..convnext.model import ConvNextLayer


class ConvNextV2GRN(Starting):
    """Global response normalization: each channel grows by the share of its norm in the mean of all (Woo et al. 2023, 3.2)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, 1, size))
        self.bias = nn.Parameter(torch.zeros(1, 1, 1, size))
        self.starts = dict.fromkeys(("weight", "bias"), constant(0.0))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, C) -> (B, Y, X, C)."""
        norms = torch.linalg.vector_norm(hidden_states, dim=(1, 2), keepdim=True)
        shares = norms / (norms.mean(-1, keepdim=True) + 1e-6)
        output: Tensor = self.weight * (hidden_states * shares) + self.bias + hidden_states
        return output


class ConvNextV2Layer(ConvNextLayer):
    """x + mlp(norm(convolution(x))), in whose middle the channels compete."""

    def add_own(self, config: ConvolutionStagesConfig, size: int) -> None:
        self.grn = ConvNextV2GRN(4 * size)

    def transform(self, x: Tensor) -> Tensor:
        output: Tensor = self.pwconv2(self.grn(self.act(self.pwconv1(x))))
        return output

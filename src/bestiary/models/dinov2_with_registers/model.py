"""The one module of DINOv2 with registers that DINOv2 does not have."""

import torch
from torch import Tensor, nn

from ...modeling.config import PreTrainedConfig
from ...nn.init import constant
from ..dinov2.model import Dinov2Embeddings


class Dinov2WithRegistersEmbeddings(Dinov2Embeddings):
    """The class token, registers without positions, and the patches, some of them replaced by a mask token."""

    antialias = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.register_tokens = nn.Parameter(torch.zeros(1, config.get("num_register_tokens"), config.get("hidden_size")))
        self.starts = {**self.starts, "register_tokens": constant(0.0)}

    @property
    def first_patch(self) -> int:
        return 1 + self.register_tokens.shape[1]

    def with_tokens(self, x: Tensor) -> Tensor:
        return torch.cat((x[:, :1], self.register_tokens.expand(len(x), -1, -1), x[:, 1:]), dim=1)

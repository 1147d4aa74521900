"""What of Qwen3-Next is not Llama. Parameter names and layouts are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...modeling.delta_net import GatedDeltaNet
from ...modeling.mixture import GatedSharedMixture
from ...nn.norm import ShiftedRMSNorm
from ...nn.part_order import put_last
from ..llama.model import LlamaMLP
from ..mixtral.model import MixtralModel


class Qwen3NextGatedDeltaNet(GatedDeltaNet):
    """A gated delta net whose projections give, for each head of keys, all that belongs to it side by side."""

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        put_last(self, "norm", "out_proj")

    def add_projections(self, size: int, keys: int, values: int) -> None:
        self.in_proj_qkvz = nn.Linear(size, 2 * (keys + values), bias=False)
        self.in_proj_ba = nn.Linear(size, 2 * self.value_heads, bias=False)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        heads, shared = self.key_heads, self.value_heads // self.key_heads
        sizes = (self.key_size, self.key_size, shared * self.value_size, shared * self.value_size)
        *mixed, gate = self.in_proj_qkvz(x).unflatten(-1, (heads, -1)).split(sizes, dim=-1)
        rate, decay = self.in_proj_ba(x).unflatten(-1, (heads, -1)).chunk(2, dim=-1)
        return torch.cat([part.flatten(2) for part in mixed], dim=-1), gate.flatten(2), rate.flatten(2), decay.flatten(2)


class Qwen3NextSparseMoeBlock(GatedSharedMixture):
    """A mixture, and an expert for every token, times a share (0 to 1) that the token's state decides."""

    shared_class = LlamaMLP


class Qwen3NextModel(MixtralModel):
    """Qwen3-Next without a head."""

    norm_class = ShiftedRMSNorm

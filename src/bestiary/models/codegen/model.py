"""The attention of CodeGen. Parameter names are the published ones."""

from torch import Tensor

from ...modeling.decoder_layers import FusedSelfAttention
from ...nn.part import part
from ..gptj.model import GPTJ_ORDER, GPTJAttention
from . import DEVICES, CodeGenConfig


class CodeGenAttention(FusedSelfAttention):
    """Causal self-attention in fp32 by one projection: for each of four devices its heads' queries, values and keys."""

    order, turns, placed = GPTJ_ORDER, True, GPTJAttention.placed
    drops = True
    dropout_name, calls_dropout = "attn_dropout", True
    in_fp32 = interleaved = True
    fused_name, output_name = "qkv_proj", "out_proj"

    def biases(self, config: CodeGenConfig) -> tuple[bool, bool]:
        return False, False

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fused = part(self, self.fused_name)(x)
        parts = fused.view(*x.shape[:2], DEVICES, 3, -1, self.head_dim)
        query, value, key = (part.flatten(2, 3).transpose(1, 2) for part in parts.unbind(3))
        return query, key, value

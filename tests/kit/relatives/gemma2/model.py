"""The layer of Gemma 2."""

from typing import Any

from torch import Tensor

from bestiary.modeling.decoder_config import DecoderConfig
from bestiary.models.llama.model import LlamaDecoderLayer
from bestiary.nn.masks import Mask
from bestiary.nn.norm import ShiftedRMSNorm


class Gemma2DecoderLayer(LlamaDecoderLayer):
    """x + norm(attention(norm(x))), then x + norm(mlp(norm(x)))."""

    norm_class = ShiftedRMSNorm

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.pre_feedforward_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)
        self.post_feedforward_layernorm = self.norm_class(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any, **positions: Any) -> Tensor:
        x = x + self.post_attention_layernorm(self.self_attn(self.input_layernorm(x), mask, cache, **positions))
        return x + self.post_feedforward_layernorm(self.mlp(self.pre_feedforward_layernorm(x)))

"""A tiny decoder some of whose layers keep a state, some all keys, and some those of a window."""

from typing import Any

from torch import Tensor

from bestiary.models.llama.model import LlamaDecoderLayer, LlamaForCausalLM, LlamaModel
from bestiary.models.mamba import MambaConfig
from bestiary.models.mamba.model import MambaMixer
from bestiary.nn.layer import Layer
from bestiary.nn.masks import Mask
from bestiary.nn.norm import RMSNorm

from .filled import fill
from .windowed import WindowedConfig, config_of

KINDS = ["linear_attention", "full_attention", "sliding_attention", "linear_attention"]


class StateLayer(Layer):
    """x + mixer(norm(x))."""

    def __init__(self, config: WindowedConfig, layer_idx: int) -> None:
        super().__init__()
        self.norm = RMSNorm(config.hidden_size)
        self.mixer = MambaMixer(MambaConfig(hidden_size=config.hidden_size, state_size=4), layer_idx)

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, rotary: Any = None) -> Tensor:
        return x + self.mixer(self.norm(x), mask, cache)


def layer_of(config: WindowedConfig, layer_idx: int) -> Layer:
    kind = StateLayer if config.layer_kinds()[layer_idx] == "linear_attention" else LlamaDecoderLayer
    return kind(config, layer_idx)


class HybridModel(LlamaModel):
    """A decoder with layers of three kinds."""

    config_class = WindowedConfig
    layer_class = staticmethod(layer_of)


class HybridForCausalLM(LlamaForCausalLM):
    """The same with a head."""

    config_class = WindowedConfig
    backbone_class = HybridModel


def model_of(kinds: list[str]) -> HybridForCausalLM:
    config = config_of(num_hidden_layers=len(kinds), layer_types=kinds, sliding_window=5)
    return fill(HybridForCausalLM(config), scale=1.5)

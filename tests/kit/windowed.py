"""A tiny LLaMA some of whose layers look back a window, and the least of recurrent models.

The first has the published weights of Mistral and Ministral, which the reference library knows.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bestiary.cache.kinds.recurrent import RecurrentLayer
from bestiary.core.outputs import BaseModelOutputWithPast
from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM, LlamaModel

from .filled import fill

TINY = {
    "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.5, "eos_token_id": None, "bos_token_id": 1,
    "pad_token_id": 0,
}  # fmt: skip


class WindowedConfig(LlamaConfig):
    """Llama's, with layers that have a window."""

    model_type: ClassVar[str] = "windowed"

    sliding_window: int | None = None
    use_sliding_window: bool = True
    layer_types: list[str] | None = None


class WindowedForCausalLM(LlamaForCausalLM):
    """The decoder with its head."""

    config_class = WindowedConfig


class RecurrentMixer(nn.Module):
    """A causal convolution, then a leaky sum of what it gives: the bones of Mamba."""

    def __init__(self, config: LlamaConfig, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.width = layer_idx, 4
        self.conv = nn.Parameter(torch.empty(config.hidden_size, self.width))
        self.decay = nn.Parameter(torch.empty(config.hidden_size))
        self.mix = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, cache: Any) -> Tensor:
        layer = RecurrentLayer() if cache is None else cache.layer(self.layer_idx)
        before, state = layer.conv_states, layer.recurrent_states
        new = x.transpose(1, 2)
        layer.update_conv_state(new, self.width)
        before = new.new_zeros(*new.shape[:2], self.width) if before is None else before
        windows = torch.cat([before, new], dim=2).unfold(2, self.width, 1)[:, :, 1:]
        drive, decay = (windows * self.conv[:, None]).sum(-1), self.decay.sigmoid()
        state = torch.zeros_like(drive[:, :, 0]) if state is None else state
        states = []
        for step in range(drive.shape[2]):
            state = decay * state + drive[:, :, step]
            states.append(state)
        layer.update_recurrent_state(state)
        return x + self.mix(torch.stack(states, dim=1).tanh())


class RecurrentModel(LlamaModel):
    """A stack of such mixers in place of attention."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(RecurrentMixer(config, index) for index in range(config.num_hidden_layers))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x, past_key_values)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), past_key_values=past_key_values)


class RecurrentForCausalLM(LlamaForCausalLM):
    """The recurrent model with a head."""

    backbone_class = RecurrentModel


def config_of(**values: Any) -> WindowedConfig:
    """A tiny config; `sliding_window` and `layer_types` say which layers have a window."""
    return WindowedConfig(**{**TINY, **values})


def filled(kind: type[nn.Module], config: LlamaConfig, scale: float = 1.0) -> Any:
    """A model of class `kind` with weights that are always the same."""
    return fill(kind(config), scale)

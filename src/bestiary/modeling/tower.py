"""One tower of a model that compares texts and images: blocks with a norm before each half, the same for both."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.layer import Layer, LayerStack
from ..nn.masks import Mask
from .config import PreTrainedConfig
from .seq2seq_layers import Seq2SeqAttention


class TowerAttention(Seq2SeqAttention):
    """Self-attention; what it may look at is the mask's matter."""

    order = "hidden_states attention_mask"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config.get("hidden_size"), config.get("num_attention_heads"), config.get("attention_dropout"))


class TowerMLP(nn.Module):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.get("hidden_size"), config.get("intermediate_size"))
        self.fc2 = nn.Linear(config.get("intermediate_size"), config.get("hidden_size"))
        self.activation_fn = activation(config.get("hidden_act"))

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.activation_fn(self.fc1(hidden_states)))
        return output


class TowerLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)). The classes of the two parts are what families exchange."""

    attention_class: ClassVar[type[nn.Module]] = TowerAttention
    mlp_class: ClassVar[type[nn.Module]] = TowerMLP

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, eps = config.get("hidden_size"), config.get("layer_norm_eps")
        self.self_attn = self.attention_class(config)
        self.layer_norm1 = nn.LayerNorm(size, eps)
        self.mlp = self.mlp_class(config)
        self.layer_norm2 = nn.LayerNorm(size, eps)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), mask)
        output: Tensor = x + self.mlp(self.layer_norm2(x))
        return output


class Tower(LayerStack):
    """The stack of blocks. Class attribute `layer_class`: the block, built as `layer_class(config)`."""

    order, names, named_states = "inputs_embeds attention_mask", {"x": "inputs_embeds"}, True
    layer_class: ClassVar[type[Layer]] = TowerLayer

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(self.layer_class(config) for _ in range(config.get("num_hidden_layers")))

    def forward(self, x: Tensor, mask: Mask, **others: Any) -> Tensor:
        """(B, T, D) -> (B, T, D); further arguments are the blocks'."""
        for layer in self.layers:
            x = layer(x, mask, **others)
        return x

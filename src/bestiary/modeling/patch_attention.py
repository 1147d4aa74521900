"""The parts of a block of ViT, under the names that its files and those of its relatives have."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.block import Block
from ..nn.kernels import default_scaling
from ..nn.masks import Mask
from .config import PreTrainedConfig


class PatchSelfAttention(HasHeads):
    """Every patch looks at every patch.

    Class attributes: `key_bias`, whether keys have a bias where queries and values do; `bias_name`, the field of the config
    that says whether those do.

    Args:
        size, heads: the width of the states and the number of heads; None is what the config says of all layers.
    """

    query_name = "query"
    key_bias: ClassVar[bool] = True
    bias_name: ClassVar[str] = "qkv_bias"

    def __init__(self, config: PreTrainedConfig, size: int | None = None, heads: int | None = None) -> None:
        super().__init__()
        size, has_bias = size or config.get("hidden_size"), config.get(self.bias_name, True)
        self.head_dim = size // (heads or config.get("num_attention_heads"))
        self.query = nn.Linear(size, size, bias=has_bias)
        self.key = nn.Linear(size, size, bias=has_bias and self.key_bias)
        self.value = nn.Linear(size, size, bias=has_bias)
        self.attend = Attend(default_scaling(self.head_dim), config.get("attention_probs_dropout_prob"))

    def forward(self, x: Tensor, mask: Mask | None, *, bias: Tensor | None = None) -> Tensor:
        """States (B, T, D) and what is added to the scores (B or 1, H, T, T) -> (B, T, D)."""
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        return merge_heads(self.attend(query, key, value, mask, bias))


class PatchIntermediate(nn.Module):
    """act(W x + b), the wide half of the MLP, `inner` wide, by default as the config says."""

    intermediate_act_fn = Alias("act")

    def __init__(self, config: PreTrainedConfig, inner: int | None = None) -> None:
        super().__init__()
        self.dense = nn.Linear(config.get("hidden_size"), inner or config.get("intermediate_size"))
        self.act = activation(config.get("hidden_act"))

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.act(self.dense(hidden_states))


class PatchOutput(nn.Module):
    """A dense layer and dropout, as each half of a block ends."""

    def __init__(self, inner: int, config: PreTrainedConfig, outer: int | None = None) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, outer or config.get("hidden_size"))
        self.dropout = nn.Dropout(config.get("hidden_dropout_prob"))

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.dense(hidden_states))
        return output


class PatchAttention(Block):
    """Self-attention and its output projection. Class attributes: `attention_class` and `output_class`.

    Args:
        size: the width of the states; None is what the config says of all layers.
    """

    gives = "attentions"
    attention_class: ClassVar[type[PatchSelfAttention]] = PatchSelfAttention
    output_class: ClassVar[type[Any]] = PatchOutput
    num_attention_heads, head_dim = Alias("attention.num_heads"), Alias("attention.head_dim")
    scaling, attention_dropout = Alias("attention.scaling"), Alias("attention.attention_dropout")

    def __init__(self, config: PreTrainedConfig, size: int | None = None) -> None:
        super().__init__()
        sizes = () if size is None else (size,)
        self.attention = self.attention_class(config, *sizes)
        self.output = self.output_class(size or config.get("hidden_size"), config, *sizes)

    def forward(self, x: Tensor, mask: Mask, *, bias: Tensor | None = None) -> Tensor:
        output: Tensor = self.output(self.attention(x, mask, bias=bias))
        return output

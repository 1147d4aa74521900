"""The layers of Vaswani et al. 2017 under the names that most encoder-decoders publish (BART, Whisper, Marian, ...)."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, cast

from torch import Tensor, nn
from torch.nn.functional import dropout

from ..core.errors import ConfigError
from ..core.logging import warn_once
from ..nn.activations import activation
from ..nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ..nn.block import use_kernel
from ..nn.kernels import default_scaling
from ..nn.layer import Layer, within_half
from ..nn.masks import Mask
from .config import PreTrainedConfig


class Seq2SeqAttention(HasHeads):
    """Attention of states to themselves, or, as cross-attention, to an encoder's output (`memory`)."""

    order = "hidden_states key_value_states past_key_values attention_mask"
    names = {"memory": "key_value_states"}
    named_states = True

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        is_decoder: bool = False,
        bias: bool = True,
        is_causal: bool = False,
        config: PreTrainedConfig | None = None,
        layer_idx: int = 0,
        *,
        cross: bool = False,
        key_bias: bool = True,
    ) -> None:
        """The published arguments, and two more.

        config: of the model around, which then chooses the kernel. cross: whether it is recorded as cross-attention.

        Raises:
            ConfigError: the width is no multiple of the number of heads.
        """
        super().__init__()
        if embed_dim % num_heads:
            raise ConfigError(f"embed_dim is {embed_dim}; expected a multiple of num_heads, {num_heads}")
        self.is_decoder, self.is_causal, self.layer_idx = is_decoder, is_causal, layer_idx
        self.head_dim = embed_dim // num_heads
        self.k_proj = nn.Linear(embed_dim, embed_dim, bias=bias and key_bias)
        self.v_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.q_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.attend = Attend(default_scaling(self.head_dim), dropout, cross=cross)
        if config is not None and config.__dict__["_attn_implementation"] is not None:
            use_kernel(self, config.__dict__["_attn_implementation"])

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, K) of states (B, S, D)."""
        return split_heads(self.k_proj(x), self.head_dim), split_heads(self.v_proj(x), self.head_dim)

    def forward(
        self, x: Tensor, mask: Mask, cache: Any = None, *, bias: Tensor | None = None, memory: Tensor | None = None
    ) -> Tensor:
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        query = split_heads(self.q_proj(x), self.head_dim)
        output: Tensor = self.out_proj(merge_heads(self.attend(query, key, value, mask, bias)))
        return output


class Seq2SeqLayer(Layer):
    """Self-attention, in a decoder attention to the encoder's output, and an MLP: three branches, each added to its input.

    Class attributes:
        is_decoder: which half of the config's sizes counts, and whether there is cross-attention.
        norm_first: whether a LayerNorm stands before each branch (Xiong et al. 2020) or behind each sum, as in the paper.
        key_bias: whether keys have a bias, where projections have any (`use_bias` of a config that declares it).
    """

    order = "hidden_states attention_mask encoder_hidden_states encoder_attention_mask past_key_values use_cache"
    is_decoder: ClassVar[bool] = False
    norm_first: ClassVar[bool] = False
    key_bias: ClassVar[bool] = True

    def __init__(self, config: PreTrainedConfig, layer_idx: int | None = None) -> None:
        super().__init__()
        if layer_idx is None and self.is_decoder:
            name = type(self).__name__
            warn_once("no-layer-idx", f"{name} was made without layer_idx and takes the first layer of a cache", name)
        layer_idx = layer_idx or 0
        half, size = "decoder" if self.is_decoder else "encoder", config.get("d_model")
        heads, width = config.get(f"{half}_attention_heads"), config.get(f"{half}_ffn_dim")
        biases = {"key_bias": self.key_bias, "bias": config.declared("use_bias", True)}
        rate = config.get("attention_dropout")
        attention = partial(Seq2SeqAttention, size, heads, rate, self.is_decoder, layer_idx=layer_idx, **biases)
        self.dropout, self.activation_dropout = config.get("dropout"), config.get("activation_dropout")
        self.self_attn = attention(is_causal=self.is_decoder)
        self.is_causal = self.is_decoder
        self.self_attn_layer_norm = nn.LayerNorm(size)
        if self.looks_at_memory(config):
            self.encoder_attn = attention(cross=True)
            self.encoder_attn_layer_norm = nn.LayerNorm(size)
        self.activation_fn = activation(config.get("activation_function"))
        self.fc1 = nn.Linear(size, width)
        self.fc2 = nn.Linear(width, size)
        self.final_layer_norm: nn.Module = nn.LayerNorm(size)

    def looks_at_memory(self, config: PreTrainedConfig) -> bool:
        """Whether the layer attends to an encoder's output."""
        return self.is_decoder

    def mlp(self, x: Tensor) -> Tensor:
        """fc2(act(fc1(x)))."""
        output: Tensor = self.fc2(dropout(self.activation_fn(self.fc1(x)), self.activation_dropout, self.training))
        return output

    def add(self, x: Tensor, branch: Callable[..., Tensor], norm: nn.Module, *args: Any, **kwargs: Any) -> Tensor:
        """x + branch(norm(x)), or norm(x + branch(x)) where norms come last; further arguments are the branch's."""
        change = branch(norm(x) if self.norm_first else x, *args, **kwargs)
        output: Tensor = x + dropout(change, self.dropout, self.training)
        return output if self.norm_first else cast(Tensor, norm(output))

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any = None,
        *,
        bias: Tensor | None = None,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
    ) -> Tensor:
        x = self.add(x, self.self_attn, self.self_attn_layer_norm, mask, cache, bias=bias)
        if memory is not None:
            x = self.add(x, self.encoder_attn, self.encoder_attn_layer_norm, memory_mask, cache, memory=memory)
        return within_half(self.add(x, self.mlp, self.final_layer_norm))


def layers_of(config: PreTrainedConfig, layer_class: type[Seq2SeqLayer]) -> nn.ModuleList:
    """All layers of an encoder or of a decoder."""
    count = config.get("decoder_layers" if layer_class.is_decoder else "encoder_layers")
    return nn.ModuleList(layer_class(config, index) for index in range(count))

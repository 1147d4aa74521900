"""The layers of GPT-2's relatives: causal self-attention by one or three projections, an MLP, norms before either.

A family names the parts as it published them, by class attributes; what configs call the same thing is in `_NAMES`.
"""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import dropout

from ..nn.activations import activation
from ..nn.alias import Alias
from ..nn.attention import Attend, HasHeads, LayerCache, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.masks import Mask
from ..nn.part import part
from ..nn.part_order import put_last
from ..nn.rope import rotate_both
from .config import PreTrainedConfig
from .decoder_stack import norm_eps

# Setting -> the names it has in published configs.
_NAMES = {
    "activation": ("activation_function", "hidden_act", "activation"),
    "attention dropout": ("attn_pdrop", "attention_dropout", "attention_probs_dropout_prob"),
    "dropout": ("resid_pdrop", "resid_dropout", "hidden_dropout", "hidden_dropout_prob", "dropout"),
    "width of the MLP": ("n_inner", "intermediate_size", "ffn_dim", "ffn_hidden_size"),
}


def setting(config: PreTrainedConfig, name: str, default: Any = None) -> Any:
    """What a config says of `name`, a key of `_NAMES`; `default` where it says nothing."""
    values = (config.declared(each) for each in _NAMES[name])
    return next((value for value in values if value is not None), default)


class SelfAttention(HasHeads):
    """Causal self-attention by one projection each for queries, keys and values.

    Class attributes:
        output_name: the projection of what all heads give.
        in_fp32: whether scores and shares are computed in fp32 whatever the dtype of the states.
        interleaved: whether the pairs that rotary positions turn are neighbours.
        drops: whether some of the output is left out in training, by a module `resid_dropout`.
    """

    is_causal = True
    output_name: ClassVar[str] = "out_proj"
    in_fp32: ClassVar[bool] = False
    interleaved: bool = False
    drops: ClassVar[bool] = False

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        self.layer_idx, self.head_dim = layer_idx, config.hidden_size // config.num_attention_heads
        self.add_projections(config, config.hidden_size)
        self.attend = Attend(self.score_scaling(config), setting(config, "attention dropout", 0.0))
        if self.drops:
            self.resid_dropout = nn.Dropout(setting(config, "dropout", 0.0))

    def biases(self, config: Any) -> tuple[bool, bool]:
        """Whether the projections of queries, keys and values have biases, and whether that of the output has one."""
        return True, True

    def add_projections(self, config: Any, size: int) -> None:
        """Build the dense layers."""
        inner, outer = self.biases(config)
        self.k_proj = nn.Linear(size, size, bias=inner)
        self.v_proj = nn.Linear(size, size, bias=inner)
        self.q_proj = nn.Linear(size, size, bias=inner)
        self.add_module(self.output_name, self.output(size, outer))

    def output(self, size: int, bias: bool) -> nn.Linear:
        """The projection of what all heads give."""
        return nn.Linear(size, size, bias=bias)

    def score_scaling(self, config: Any) -> float:
        """What scores are multiplied by."""
        return default_scaling(self.head_dim)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, K), keys and values (B, G, T, K) of states (B, T, D)."""
        return self.heads(self.q_proj(x)), self.heads(self.k_proj(x)), self.heads(self.v_proj(x))

    def heads(self, x: Tensor) -> Tensor:
        """(B, T, H*K) -> (B, H, T, K)."""
        return split_heads(x, self.head_dim)

    def forward(
        self, x: Tensor, mask: Mask, cache: LayerCache | None, *, rotary: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        query, key, value = self.project(x)
        if rotary is not None:
            query, key = rotate_both(query, key, *rotary, self.interleaved)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        if self.in_fp32:
            query, key, value = query.float(), key.float(), value.float()
        mixed = merge_heads(self.attend(query, key, value, mask)).to(x.dtype)
        output: Tensor = part(self, self.output_name)(mixed)
        return self.resid_dropout(output) if self.drops else output


class FusedSelfAttention(SelfAttention):
    """The same by one projection, which gives for each group its queries, then a key and a value.

    Class attributes:
        fused_name: the projection.
    """

    fused_name: ClassVar[str] = "query_key_value"
    output_name: ClassVar[str] = "dense"
    per_group: int

    def groups(self, config: Any) -> int:
        """G, the number of heads of keys and values."""
        return int(config.num_attention_heads)

    @property
    def num_key_value_groups(self) -> int:
        """How many heads of queries share one of keys and values."""
        return self.per_group - 2

    @property
    def sizes(self) -> tuple[int, int]:
        output: Any = self.get_submodule(self.output_name)
        return output.weight.shape[1], output.weight.shape[0]

    def add_projections(self, config: Any, size: int) -> None:
        inner, outer = self.biases(config)
        groups = self.groups(config)
        self.per_group: int = config.num_attention_heads // groups + 2
        self.add_module(self.fused_name, nn.Linear(size, groups * self.per_group * self.head_dim, bias=inner))
        self.add_module(self.output_name, self.output(size, outer))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fused = part(self, self.fused_name)(x)
        parts = self.grouped(fused).split((self.per_group - 2, 1, 1), dim=3)
        query, key, value = (heads.flatten(2, 3).transpose(1, 2) for heads in parts)
        return query, key, value

    def grouped(self, fused: Tensor) -> Tensor:
        """What the projection gives (B, T, ...) -> (B, T, G, heads of a group, K)."""
        return fused.view(*fused.shape[:2], -1, self.per_group, self.head_dim)


class PlainMLP(nn.Module):
    """out(act(in(x))).

    Class attributes:
        names: what the two dense layers are called.
        drops: whether some of the output is left out in training, by a module `dropout`.
    """

    names: ClassVar[tuple[str, str]] = ("c_fc", "c_proj")
    drops: ClassVar[bool] = True

    def __init__(self, intermediate_size: Any = None, config: Any = None) -> None:
        """`PlainMLP(config)`, or with another inner width before the config, as older families publish it."""
        super().__init__()
        width, config = (None, intermediate_size) if config is None else (intermediate_size, config)
        size = config.hidden_size
        self.inner_dim = inner = setting(config, "width of the MLP", 4 * size) if width is None else width
        for name, (inputs, outputs) in zip(self.names, ((size, inner), (inner, size)), strict=True):
            self.add_module(name, self.dense(config, name, inputs, outputs))
        self.act = activation(setting(config, "activation", "gelu_new"))
        if self.drops:
            self.dropout = nn.Dropout(setting(config, "dropout", 0.0))

    def dense(self, config: Any, name: str, inputs: int, outputs: int) -> nn.Module:
        """The dense layer called `name`."""
        return nn.Linear(inputs, outputs)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        first, last = self.names
        output: Tensor = part(self, last)(self.act(part(self, first)(hidden_states)))
        return self.dropout(output) if self.drops else output


class DecoderBlock(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); in `parallel` both are added to the same x (Wang & Komatsuzaki 2021).

    Class attributes:
        attention_class, mlp_class: the two branches. attention_name: what the first is called.
        norm_names: the norms before the first and the second; in parallel, one may serve both.
        norm_names and parallel are attributes of the block where the config says them.
        last_parts: the parts that stand behind the others, in this order, where that is the published one.
        drops: whether the block leaves out some of what branches add, which do it themselves otherwise.
    """

    order = "hidden_states attention_mask position_ids past_key_values use_cache"
    is_causal = True
    attention_class: ClassVar[type[nn.Module]]
    mlp_class: ClassVar[type[nn.Module]] = PlainMLP
    attention_name: ClassVar[str] = "attn"
    norm_names: tuple[str, str] = ("ln_1", "ln_2")
    parallel: bool = False
    last_parts: tuple[str, ...] = ()
    drops: ClassVar[bool] = False
    inner_dim = Alias("mlp.inner_dim")

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__()
        first, second = self.norm_names
        self.add_module(first, self.make_norm(config))
        self.add_module(self.attention_name, self.attention_class(config, layer_idx))
        if second != first:
            self.add_module(second, self.make_norm(config))
        self.add_mlp(config)
        put_last(self, *self.last_parts)
        self.hidden_dropout = setting(config, "dropout", 0.0)

    def make_norm(self, config: Any) -> nn.Module:
        """One of the norms."""
        return nn.LayerNorm(config.hidden_size, norm_eps(config))

    def norm(self, branch: int) -> nn.Module:
        """The norm before the first branch (0) or the second (1)."""
        norm: nn.Module = part(self, self.norm_names[branch])
        return norm

    def add_mlp(self, config: Any) -> None:
        """Build the second branch."""
        self.mlp = self.mlp_class(config)

    def attend(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        """The first branch."""
        return self.dropped(part(self, self.attention_name)(x, mask, cache, **positions))

    def transform(self, x: Tensor) -> Tensor:
        """The second branch."""
        return self.dropped(self.mlp(x))

    def dropped(self, x: Tensor) -> Tensor:
        """What a branch adds, some of it left out in training."""
        return dropout(x, self.hidden_dropout) if self.drops and self.training else x

    def forward(self, x: Tensor, mask: Mask, cache: LayerCache | None, **positions: Any) -> Tensor:
        first, second = self.norm(0), self.norm(1)
        normed = first(x)
        attended = x + self.attend(normed, mask, cache, **positions)
        if not self.parallel:
            normed = second(attended)
        elif second is not first:
            normed = second(x)
        return attended + self.transform(normed)


class FlatDecoderBlock(DecoderBlock):
    """A block whose MLP is two dense layers of its own, fc2(act(fc1(x))), as fairseq built them (Ott et al. 2019)."""

    attention_class: ClassVar[type[nn.Module]] = SelfAttention
    attention_name = "self_attn"
    norm_names = ("self_attn_layer_norm", "final_layer_norm")
    last_parts = ("self_attn_layer_norm", "fc1", "fc2", "final_layer_norm")
    drops = True
    dropout = Alias("hidden_dropout")

    def mlp_bias(self, config: Any) -> bool:
        """Whether the dense layers have biases."""
        return True

    def add_mlp(self, config: Any) -> None:
        size, bias = config.hidden_size, self.mlp_bias(config)
        inner = setting(config, "width of the MLP")
        self.activation_fn, self.activation_dropout = (
            activation(setting(config, "activation")),
            config.declared("activation_dropout", 0.0),
        )
        self.fc1 = nn.Linear(size, inner, bias=bias)
        self.fc2 = nn.Linear(inner, size, bias=bias)

    def transform(self, x: Tensor) -> Tensor:
        return self.dropped(self.fc2(dropout(self.activation_fn(self.fc1(x)), self.activation_dropout, self.training)))

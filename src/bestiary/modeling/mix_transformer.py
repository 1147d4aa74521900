"""Mix Transformers (Xie et al. 2021, "SegFormer: simple and efficient design for semantic segmentation with transformers").

An image becomes states of a grid, which each stage makes coarser by a convolution whose patches overlap. Attention looks at a
grid made smaller; a convolution over each channel inside the MLPs tells where a place lies, so there are no positions.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor, nn

from ..nn.activations import activation
from ..nn.attention import Attend, HasHeads, merge_heads, split_heads
from ..nn.kernels import default_scaling
from ..nn.layer import Layer
from ..nn.patches import check_pixels
from ..nn.stochastic_depth import StochasticDepth, rising_rates


def as_grid(x: Tensor, height: int, width: int) -> Tensor:
    """(B, Y * X, D) -> (B, D, Y, X)."""
    grid: Tensor = x.transpose(1, 2).unflatten(2, (height, width))
    return grid


def as_places(x: Tensor) -> Tensor:
    """(B, D, Y, X) -> (B, Y * X, D)."""
    return x.flatten(2).transpose(1, 2)


class OverlapPatchEmbeddings(nn.Module):
    """A convolution whose patches overlap, and a norm."""

    def __init__(self, patch_size: int, stride: int, num_channels: int, hidden_size: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.proj = nn.Conv2d(num_channels, hidden_size, patch_size, stride, padding=patch_size // 2)
        self.layer_norm = nn.LayerNorm(hidden_size, eps)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, int, int]:
        """(B, C, Y, X) -> (B, y * x, D), y and x."""
        x = self.proj(pixel_values)
        return self.layer_norm(as_places(x)), x.shape[2], x.shape[3]


class SequenceReduction(nn.Module):
    """A grid made `ratio` times smaller, a side, and a norm."""

    def __init__(self, size: int, ratio: int) -> None:
        super().__init__()
        self.sequence_reduction = nn.Conv2d(size, size, ratio, stride=ratio)
        self.layer_norm = nn.LayerNorm(size)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> (B, T, D)."""
        output: Tensor = self.layer_norm(as_places(self.sequence_reduction(as_grid(hidden_states, height, width))))
        return output


class ReducedAttention(HasHeads):
    """Every place of a grid looks at the places of a smaller one.

    Class attribute `projections`: the names of those of queries, keys and values.
    """

    projections: ClassVar[tuple[str, str, str]] = ("q_proj", "k_proj", "v_proj")

    def __init__(self, config: Any, size: int, heads: int) -> None:
        super().__init__()
        self.head_dim = size // heads
        for name in self.projections:
            setattr(self, name, nn.Linear(size, size, bias=config.get("qkv_bias", True)))
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def mix(self, x: Tensor, seen: Tensor) -> Tensor:
        """Places (B, T, D) that look at `seen` (B, S, D) -> (B, T, D)."""
        states = zip(self.projections, (x, seen, seen), strict=True)
        heads = (split_heads(self.get_submodule(name)(each), self.head_dim) for name, each in states)
        return merge_heads(self.attend(*heads, None))


class DepthWiseConv(nn.Module):
    """A convolution of 3x3 over each channel of a grid."""

    def __init__(self, dim: int = 768) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        return as_places(self.dwconv(as_grid(hidden_states, height, width)))


class MixFeedForward(nn.Module):
    """An MLP that also sees the eight neighbours of a place.

    Class attribute `names`: of its first dense layer, its activation and its second dense layer.
    """

    names: ClassVar[tuple[str, str, str]] = ("fc1", "activation_fn", "fc2")

    def __init__(self, config: Any, size: int, inner: int) -> None:
        super().__init__()
        first, act, second = self.names
        setattr(self, first, nn.Linear(size, inner))
        self.dwconv = DepthWiseConv(inner)
        setattr(self, act, activation(config.hidden_act))
        setattr(self, second, nn.Linear(inner, size))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        first, act, second = (getattr(self, name) for name in self.names)
        inner = self.dropout(act(self.on_grid(first(hidden_states), height, width)))
        output: Tensor = self.dropout(second(inner))
        return output

    def on_grid(self, inner: Tensor, height: int, width: int) -> Tensor:
        """What happens to the wide states of a grid before the activation."""
        output: Tensor = self.dwconv(inner, height, width)
        return output


class MixTransformerLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); in training whole halves are left out for some images.

    Class attributes:
        attention_class, mlp_class: what the halves are made of. norms: the names of the norms before them.
        follows_eps: whether the norms have the config's `layer_norm_eps`, or torch's.
    """

    attention_class: ClassVar[type[nn.Module]]
    mlp_class: ClassVar[type[nn.Module]] = MixFeedForward
    follows_eps: ClassVar[bool] = False
    norms: ClassVar[tuple[str, str]] = ("layernorm_before", "layernorm_after")

    def __init__(
        self,
        config: Any,
        hidden_size: int,
        num_attention_heads: int,
        drop_path: float,
        sequence_reduction_ratio: int,
        mlp_ratio: int,
    ) -> None:
        super().__init__()
        eps = config.layer_norm_eps if self.follows_eps else 1e-5
        setattr(self, self.norms[0], nn.LayerNorm(hidden_size, eps))
        self.attention = self.attention_class(config, hidden_size, num_attention_heads, sequence_reduction_ratio)
        self.drop_path = StochasticDepth(drop_path) if drop_path else nn.Identity()
        setattr(self, self.norms[1], nn.LayerNorm(hidden_size, eps))
        self.mlp = self.mlp_class(config, hidden_size, mlp_ratio * hidden_size)

    def dropped(self, attended: Tensor) -> Tensor:
        """Dropout of what attention gives."""
        return attended

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        before, after = (self.get_submodule(name) for name in self.norms)
        x = hidden_states + self.drop_path(self.dropped(self.attention(before(hidden_states), height, width)))
        output: Tensor = x + self.drop_path(self.mlp(after(x), height, width))
        return output


def stage_layers(kind: type[MixTransformerLayer], config: Any, stage: int) -> nn.ModuleList:
    """The blocks of one stage."""
    first = sum(config.depths[:stage])
    rates = rising_rates(config.drop_path_rate, sum(config.depths))[first : first + config.depths[stage]]
    ratios = config.sr_ratios[stage], config.mlp_ratios[stage]
    size, heads = config.hidden_sizes[stage], config.num_attention_heads[stage]
    return nn.ModuleList(kind(config, size, heads, rate, *ratios) for rate in rates)


def stage_embeddings(kind: type[OverlapPatchEmbeddings], config: Any, stage: int) -> OverlapPatchEmbeddings:
    """The convolution that one stage begins with."""
    channels = config.hidden_sizes[stage - 1] if stage else config.num_channels
    return kind(config.patch_sizes[stage], config.strides[stage], channels, config.hidden_sizes[stage])


def run_stage(embeddings: nn.Module, layers: Iterable[nn.Module], norm: nn.Module, x: Tensor) -> tuple[Tensor, int, int]:
    """An image or a grid (B, C, Y, X) -> states (B, y * x, D) behind the stage's norm, y and x."""
    places, height, width = embeddings(x)
    for layer in layers:
        places = layer(places, height, width)
    return norm(places), height, width


def check_images(pixel_values: Tensor | None, config: Any, convolution: nn.Module) -> Tensor:
    """Images that a model can look at, in the dtype of its first `convolution`."""
    weight: Any = convolution.weight
    return check_pixels(pixel_values, config.num_channels, 1, None).to(weight.dtype)

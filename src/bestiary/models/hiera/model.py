"""The modules of Hiera. Parameter names are the published ones. States are units, (B, P, Y, X, D): see `units.py`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ALWAYS, BackboneOutput, ModelOutput, Tensors
from ...modeling.backbone import NORMS_OF_MAPS, Backbone
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.map_outputs import MapsClassifierOutput
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads
from ...nn.init import Starting, truncated_normal
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.patches import check_pixels, pair, stretch
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import HieraConfig
from .units import from_units, kept_units, pooled, to_units


@dataclass
class HieraModelOutput(ModelOutput):
    """`reshaped_hidden_states` are maps (B, Y, X, D); of a model that sees some units only, (B, units, y, x, D).

    `bool_masked_pos` (B, units) is True where a unit was kept. `ids_restore` (B, units) is the place of each unit among those
    that were kept, followed by those that were left out.
    """

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    bool_masked_pos: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    reshaped_hidden_states: Tensors | None = None


class HieraPatchEmbeddings(nn.Module):
    """Patches that overlap, by one convolution."""

    num_channels = Alias("projection.in_channels")

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        kernel, stride, padding = (pair(each) for each in (config.patch_size, config.patch_stride, config.patch_padding))
        self.projection = nn.Conv2d(config.num_channels, config.embed_dim, kernel, stride, padding)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, y, x, D)."""
        output: Tensor = self.projection(pixel_values.to(self.projection.weight.dtype)).permute(0, 2, 3, 1)
        return output


class HieraEmbeddings(Starting):
    """The patches plus learned positions."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embeddings = HieraPatchEmbeddings(config)
        self.position_embeddings = nn.Parameter(torch.zeros(1, math.prod(config.grid), config.embed_dim))
        rate = config.initializer_range
        self.starts = {"position_embeddings": truncated_normal(rate, 2.0)}

    def forward(
        self, pixel_values: Tensor | None, kept: Tensor | None = None, interpolate_pos_encoding: bool = False
    ) -> Tensor:
        """(B, C, Y, X) and the units (B, units) to look at, None for all -> the map (B, y, x, D); others are 0 there but for
        their positions."""
        config = self.config
        size = None if interpolate_pos_encoding else config.image_size
        pixels = check_pixels(pixel_values, config.num_channels, 1, size)
        if kept is not None:
            seen = kept.view(-1, 1, *unit_grid(config)).to(pixels.dtype)
            pixels = pixels * nn.functional.interpolate(seen, size=pixels.shape[-2:])
        x: Tensor = self.patch_embeddings(pixels)
        rows, columns = x.shape[1:3]
        places = stretch(self.position_embeddings[0], config.grid, (rows, columns), leading=0)
        return x + places.view(rows, columns, -1)


def unit_grid(config: HieraConfig) -> tuple[int, int]:
    """Rows and columns of units in an image of the usual size."""
    rows, columns = (count // unit for count, unit in zip(config.grid, config.masked_unit_size, strict=True))
    return rows, columns


class HieraMaskUnitAttention(HasHeads):
    """Every place looks at those of its window, or at all; queries may be pooled.

    Args:
        inner, outer: the width of the states before and behind. stride: the places whose query becomes one.
        window: the places of a window once queries are pooled; 0 is everything.
    """

    query_name = "qkv"
    scale: Any = None

    def __init__(self, inner: int, outer: int, heads: int, stride: Iterable[int], window: int) -> None:
        super().__init__()
        self.head_dim, self.stride, self.window_size = outer // heads, tuple(stride), window
        self.qkv, self.proj = nn.Linear(inner, 3 * outer), nn.Linear(outer, outer)
        self.scale = default_scaling(self.head_dim)
        self.attend = Attend(1.0)  # queries are scaled before they meet keys, as published, which half precision shows

    @property
    def sizes(self) -> tuple[int, int]:
        return self.proj.in_features, self.qkv.in_features

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Places of units (B, P * Y * X, C) -> (B, P / stride * Y * X, D)."""
        batch, count, pool = *hidden_states.shape[:2], math.prod(self.stride)
        windows = count // (self.window_size * pool) if self.window_size else 1
        # As published, a window has every `windows`-th token: where a unit has P places, those of one unit.
        qkv = self.qkv(hidden_states).view(batch, count // windows, windows, 3, -1, self.head_dim)
        query, key, value = qkv.permute(3, 0, 4, 2, 1, 5).flatten(2, 3).unbind(0)
        if pool > 1:
            query = query.unflatten(2, (pool, -1)).max(dim=2).values
        mixed: Tensor = self.attend(query * self.scale, key, value)  # (B, H * windows, T, K)
        mixed = mixed.unflatten(1, (-1, windows)).permute(0, 3, 2, 1, 4).flatten(3).flatten(1, 2)
        output: Tensor = self.proj(mixed)
        return output


class HieraMlp(nn.Module):
    """fc2(act(fc1(x)))."""

    def __init__(self, config: HieraConfig, size: int) -> None:
        super().__init__()
        inner = int(size * config.mlp_ratio)
        self.activation_fn = activation(config.hidden_act)
        self.fc1, self.fc2 = nn.Linear(size, inner), nn.Linear(inner, size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.activation_fn(self.fc1(hidden_states)))
        return output


class HieraLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)); where it widens or pools, x is first projected, or pooled, too."""

    hidden_size = Alias("attn.qkv.in_features")

    def __init__(
        self, config: HieraConfig, inner: int, outer: int, heads: int, rate: float, stride: Iterable[int], window: int
    ) -> None:
        super().__init__()
        self.stride = tuple(stride)
        self.layernorm_before = nn.LayerNorm(inner, config.layer_norm_eps)
        self.attn = HieraMaskUnitAttention(inner, outer, heads, self.stride, window)
        self.layernorm_after = nn.LayerNorm(outer, config.layer_norm_eps)
        self.mlp = HieraMlp(config, outer)
        self.drop_path = StochasticDepth(rate) if rate else nn.Identity()
        self.proj = nn.Linear(inner, outer) if inner != outer else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, P, Y, X, C) -> (B, P / stride, Y, X, D)."""
        x, grid = hidden_states.flatten(1, 3), hidden_states.shape[2:4]
        normed = self.layernorm_before(x)
        x = x if self.proj is None else self.proj(normed)
        x = pooled(x, self.stride) if math.prod(self.stride) > 1 else x
        x = x + self.drop_path(self.attn(normed))
        x = x + self.drop_path(self.mlp(self.layernorm_after(x)))
        output: Tensor = x.unflatten(1, (-1, *grid))
        return output


class HieraStage(nn.Module):
    """The blocks of one width."""

    def __init__(self, layers: Iterable[HieraLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, P, Y, X, C) -> (B, P / stride, Y, X, D)."""
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states


def stage(config: HieraConfig, number: int) -> HieraStage:
    """The stage with this number."""
    rates = rising_rates(config.drop_path_rate, sum(config.depths))[sum(config.depths[:number]) :]
    inner, outer = config.width(max(number - 1, 0)), config.width(number)
    window = config.unit_area // math.prod(config.query_stride) ** number
    pools = 0 < number <= config.num_query_pool
    # The first block of a stage looks as far as the stage before.
    sees_unit = [config.masked_unit_attention[max(number - 1, 0)]] + [False] * (config.depths[number] - 1)
    own = config.masked_unit_attention[number]
    return HieraStage(
        HieraLayer(
            config,
            inner if place == 0 else outer,
            outer,
            config.num_heads[number],
            rates[place],
            config.query_stride if pools and place == 0 else (1, 1),
            window if own or before else 0,
        )
        for place, before in enumerate(sees_unit)
    )


class HieraEncoder(nn.Module):
    """All stages."""

    gradient_checkpointing = Alias("stages.0.layers.0.gradient_checkpointing")

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stage(config, number) for number in range(len(config.depths)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, P, Y, X, D) -> it, and what is behind each stage."""
        states = [x]
        for each in self.stages:
            states.append(each(states[-1]))
        return states


def start(part: Any, config: Any) -> None:
    """Dense weights truncated normal, those of norms as the config says; as published, biases as large as weights spread."""
    spread = config.initializer_range
    if isinstance(part, nn.LayerNorm):
        part.weight.fill_(config.layer_norm_init)
    else:
        nn.init.trunc_normal_(part.weight, 0.0, spread)
    part.bias.fill_(spread)


class HieraPreTrainedModel(PreTrainedModel):
    """What all Hiera classes share."""

    config_class = HieraConfig
    base_model_prefix = "hiera"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages", outputs=True)}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d, nn.LayerNorm), start)
    _no_split_modules = ["HieraEmbeddings", "HieraLayer"]
    _optional_parts = [r"(^|\.)pooler\.layernorm\."]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"(^|\.)pooler\.layernorm\.",
    ]
    config: HieraConfig

    def map_of(self, state: Tensor, number: int, is_whole: bool = True) -> Tensor:
        """The state (B, P, Y, X, D) that comes into a stage, or behind the last, as a map (B, y, x, D).

        Args:
            is_whole: whether it has all units; else the units (B, units, y, x, D).
        """
        config = self.config
        levels = len(config.depths) - 1 - config.pools_before(max(number - 1, 0))
        if is_whole:
            return from_units(state, config.query_stride, levels)
        units: Tensor = state.squeeze(3).transpose(1, 2).flatten(0, 1)
        maps: Tensor = from_units(units[:, :, None, None], config.query_stride, levels).unflatten(0, (len(state), -1))
        return maps

    def _arrange_recorded(self, output: Any) -> None:
        """States (B, P, Y, X, D) as sequences and as maps; of a stage's attention, that of its last block (B, H, W, T, S)."""
        if output.hidden_states is not None:
            is_whole = output.get("bool_masked_pos") is None
            maps = [self.map_of(state, number, is_whole) for number, state in enumerate(output.hidden_states)]
            output.reshaped_hidden_states = tuple(maps)
            output.hidden_states = tuple(state.flatten(1, 3) for state in output.hidden_states)
        depths = self.config.depths
        if output.attentions is not None and len(output.attentions) == sum(depths):
            last = [output.attentions[sum(depths[: number + 1]) - 1] for number in range(len(depths))]
            heads = self.config.num_heads
            output.attentions = tuple(weights.unflatten(1, (count, -1)) for weights, count in zip(last, heads, strict=True))


class HieraPooler(nn.Module):
    """The mean of all states, through a norm."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.pooler = nn.AdaptiveAvgPool1d(1)
        self.layernorm = nn.LayerNorm(config.width(len(config.depths) - 1), config.layer_norm_eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, D)."""
        output: Tensor = self.layernorm(self.pooler(hidden_states.transpose(1, 2)).flatten(1))
        return output


class HieraModel(HieraPreTrainedModel):
    """The stages without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of all states through a norm.
        is_mae: look at some units only, drawn anew in each call.
    """

    def __init__(self, config: HieraConfig, add_pooling_layer: bool = True, is_mae: bool = False) -> None:
        super().__init__(config)
        self.is_mae = is_mae
        self.num_features = config.width(len(config.depths) - 1)
        self.embeddings = HieraEmbeddings(config)
        self.encoder = HieraEncoder(config)
        self.pooler = HieraPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def drawn(self, batch: int, noise: Tensor | None, device: torch.device) -> tuple[Tensor, Tensor]:
        """The units (B, units) to look at, those whose noise is least, and the place of each among those and all others.

        Raises:
            InputError: noise of another shape.
        """
        shape = (batch, math.prod(unit_grid(self.config)))
        noise = torch.rand(shape, device=device) if noise is None else noise
        if noise.shape != shape or noise.is_complex():
            raise InputError(f"noise is {noise.dtype} of shape {tuple(noise.shape)}; expected a number for each unit, {shape}")
        places = noise.argsort(dim=1).argsort(dim=1)
        return places < int(shape[1] * (1 - self.config.mask_ratio)), places

    def states(
        self, pixel_values: Tensor | None, noise: Tensor | None, interpolate_pos_encoding: bool
    ) -> tuple[list[Tensor], Tensor | None, Tensor | None]:
        """What comes into the encoder and is behind each stage; which units were kept, and the place of each."""
        kept, places = None, None
        if self.is_mae and pixel_values is not None:
            kept, places = self.drawn(len(pixel_values), noise, pixel_values.device)
        x = self.embeddings(pixel_values, kept, interpolate_pos_encoding)
        x = to_units(x, self.config.query_stride, len(self.config.depths) - 1)
        return self.encoder(x if kept is None else kept_units(x, kept, self.config.unit_area)), kept, places

    def forward(
        self, pixel_values: Tensor | None = None, noise: Tensor | None = None, *, interpolate_pos_encoding: bool | None = None
    ) -> HieraModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). noise: (B, units), numbers of which the least say what units are kept, of a model that
            leaves some out; else drawn.
        interpolate_pos_encoding: take images of any size, with positions interpolated.
        """
        states, kept, places = self.states(pixel_values, noise, bool(interpolate_pos_encoding))
        x = states[-1].flatten(1, 3)
        pooled_state = None if self.pooler is None else self.pooler(x)
        return HieraModelOutput(last_hidden_state=x, pooler_output=pooled_state, bool_masked_pos=kept, ids_restore=places)


class HieraForImageClassification(PooledImageClassifier, HieraPreTrainedModel):
    """Hiera that labels an image by the mean of its last states."""

    backbone_class = HieraModel
    output_class = MapsClassifierOutput

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.width(len(self.config.depths) - 1), config.num_labels)


class HieraBackbone(HieraPreTrainedModel, Backbone):
    """Hiera whose output is the maps of the stages in `config.out_features`, each through a norm."""

    config: HieraConfig
    _optional_parts = [NORMS_OF_MAPS]

    def __init__(self, config: HieraConfig) -> None:
        super().__init__(config)
        self.embeddings = HieraEmbeddings(config)
        self.encoder = HieraEncoder(config)
        self.hidden_states_norms = nn.ModuleDict(
            {name: nn.LayerNorm(channels) for name, channels in zip(self.out_features, self.channels, strict=True)}
        )

    @property
    def num_features(self) -> list[int]:
        return [self.config.embed_dim, *(self.config.width(number) for number in range(len(self.config.depths)))]

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X)."""
        x = self.embeddings(pixel_values)
        # As published, patches go row by row into the places that units have in other models, whatever their neighbours.
        shape = to_units(x, self.config.query_stride, len(self.config.depths) - 1).shape
        states = self.encoder(x.reshape(shape))
        maps = [self.map_of(state, number) for number, state in enumerate(states)]
        output = self.normed_maps(maps, self.hidden_states_norms)
        output.feature_maps = tuple(each.permute(0, 3, 1, 2).contiguous() for each in output.feature_maps or ())
        return output

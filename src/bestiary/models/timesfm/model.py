"""The modules of TimesFM. Parameter names are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.attention import Attend, ScoringAlias, merge_heads, split_heads
from ...nn.init import Start, Starting, constant
from ...nn.inputs import check_rows
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.norm import RMSNorm
from ...nn.series import check_series
from . import TimesFmConfig


@dataclass
class TimesFmOutput(ModelOutput):
    """`last_hidden_state` (B, P, D) of P patches; `loc` and `scale` (B,), what the values were shifted by and divided by."""

    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    loc: Tensor | None = None
    scale: Tensor | None = None


class TimesFmMLP(nn.Module):
    """x + down(relu(gate(norm(x)))); to patches that are padding nothing is added."""

    def __init__(self, config: TimesFmConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=1e-6)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """States (B, P, D) and which of them are of no padding (B, P) -> (B, P, D)."""
        output: Tensor = x + self.down_proj(self.gate_proj(self.layer_norm(x)).relu()) * real[..., None]
        return output


class TimesFmResidualBlock(nn.Module):
    """output(silu(input(x))) + residual(x)."""

    def __init__(self, input_dims: int, hidden_dims: int, output_dims: int, bias: bool = True) -> None:
        super().__init__()
        self.input_layer = nn.Linear(input_dims, hidden_dims, bias=bias)
        self.output_layer = nn.Linear(hidden_dims, output_dims, bias=bias)
        self.residual_layer = nn.Linear(input_dims, output_dims, bias=bias)
        self.activation: Any = nn.functional.silu
        self.hidden_dims = hidden_dims

    input_dims, output_dims = Alias("input_layer.in_features"), Alias("output_layer.out_features")

    def forward(self, x: Tensor) -> Tensor:
        """(..., input_dims) -> (..., output_dims)."""
        output: Tensor = self.output_layer(self.activation(self.input_layer(x))) + self.residual_layer(x)
        return output


def start_wavelengths(least: int, longest: int) -> Start:
    """Speeds of sinusoids: `least` times 1 to 1 / (longest / least), a geometric series, as published."""

    def fill(speeds: Tensor) -> None:
        step = math.log(longest / least) / max(len(speeds) - 1, 1)
        speeds.copy_(least * torch.exp(torch.arange(len(speeds), dtype=torch.float32, device=speeds.device) * -step))

    return fill


class TimesFmPositionalEmbedding(Starting):
    """Sinusoids of positions, all sines before all cosines; their speeds stand in files."""

    def __init__(self, config: TimesFmConfig) -> None:
        super().__init__()
        self.embedding_dims = config.hidden_size
        self.register_buffer("inv_timescales", torch.empty(config.hidden_size // 2))
        self.starts = {"inv_timescales": start_wavelengths(config.min_timescale, config.max_timescale)}

    def forward(self, position_ids: Tensor) -> Tensor:
        """(B, P) -> (B, P, D)."""
        angles = position_ids[..., None] * self.get_buffer("inv_timescales")
        return nn.functional.pad(torch.cat([angles.sin(), angles.cos()], dim=-1), (0, self.embedding_dims % 2))


class TimesFmAttention(Starting):
    """Causal attention in which queries are multiplied by softplus(scaling) / (ln 2 * sqrt(K)), a number for each dimension."""

    starts = {"scaling": constant(1.0)}

    def __init__(self, config: Any, layer_idx: int, key_value_heads: int, bias: bool) -> None:
        super().__init__()
        self.layer_idx, self.head_dim = layer_idx, config.head_dim
        size, heads = config.hidden_size, config.num_attention_heads
        self.q_proj = nn.Linear(size, heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(size, key_value_heads * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(size, key_value_heads * self.head_dim, bias=bias)
        self.o_proj = nn.Linear(heads * self.head_dim, size, bias=bias)
        self.scaling = nn.Parameter(torch.empty(self.head_dim))
        self.attend = Attend(1.0, config.attention_dropout)

    attention_dropout, hidden_size = ScoringAlias("dropout"), Alias("q_proj.in_features")

    @property
    def num_heads(self) -> int:
        """H, the number of heads of queries."""
        return int(self.q_proj.out_features // self.head_dim)

    def placed(self, query: Tensor, key: Tensor, rotary: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Queries and keys (B, H, P, K) that know their positions, where these stand in no embedding."""
        return query, key

    def forward(self, x: Tensor, mask: Mask, cache: None = None, *, rotary: tuple[Tensor, Tensor] | None = None) -> Tensor:
        query, key, value = (split_heads(proj(x), self.head_dim) for proj in (self.q_proj, self.k_proj, self.v_proj))
        query, key = self.placed(query, key, rotary)
        query = query * nn.functional.softplus(self.scaling) * (1.442695041 / math.sqrt(self.head_dim))
        output: Tensor = self.o_proj(merge_heads(self.attend(query, key, value, mask)))
        return output


class TimesFmDecoderLayer(Layer):
    """x + attention(norm(x)), then the MLP, which adds to that by itself."""

    def __init__(self, config: TimesFmConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = TimesFmAttention(config, layer_idx, config.num_attention_heads, bias=True)
        self.mlp = TimesFmMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: None = None, *, real: Tensor) -> Tensor:
        """`real`: (B, P), which patches are not padding alone."""
        output: Tensor = self.mlp(x + self.self_attn(self.input_layernorm(x), mask), real)
        return output


class TimesFmPreTrainedModel(PreTrainedModel):
    """What all TimesFM classes share."""

    config_class = TimesFmConfig
    base_model_prefix = "decoder"
    main_input_name = "past_values"
    stacks = {"": Stack("layers")}
    _no_split_modules = ["TimesFmDecoderLayer"]
    config: TimesFmConfig


def patches_of(model: PreTrainedModel, values: Any, padding: Any) -> tuple[Tensor, Tensor]:
    """Values (B, T) and what of them is padding, 1 where they are (None: nothing is), in patches (B, P, length).

    Raises:
        InputError: other numbers, or series that are no whole number of patches.
    """
    length = model.config.get("patch_length")
    values = check_series(values, "past_values", (None, None), model.dtype)
    if not values.numel():
        raise InputError(f"past_values has shape {tuple(values.shape)} and holds nothing; expected at least one patch")
    if values.shape[1] % length:
        raise InputError(
            f"past_values has shape {tuple(values.shape)}; expected (batch, length), the length a multiple of patch_length"
            f" {length}: put zeros before them, and 1 there in past_values_padding"
        )
    padding = torch.zeros_like(values) if padding is None else padding
    padding = check_series(padding, "past_values_padding", values.shape, values.dtype)
    return values.unflatten(1, (-1, length)), padding.unflatten(1, (-1, length))


class TimesFmModel(TimesFmPreTrainedModel):
    """TimesFM without a head."""

    def __init__(self, config: TimesFmConfig) -> None:
        super().__init__(config)
        self.input_ff_layer = TimesFmResidualBlock(2 * config.patch_length, config.intermediate_size, config.hidden_size)
        self.freq_emb = nn.Embedding(config.freq_size, config.hidden_size)
        self.layers = nn.ModuleList(TimesFmDecoderLayer(config, index) for index in range(config.num_hidden_layers))
        if config.use_positional_embedding:
            self.position_emb = TimesFmPositionalEmbedding(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.input_ff_layer

    def mean_and_deviation(self, patches: Tensor, padding: Tensor) -> tuple[Tensor, Tensor]:
        """Those (B,) of the first of the patches (B, P, length) with three values that are no padding, else of the last."""
        enough = (1 - padding).sum(-1) >= 3
        first = torch.where(enough.any(1), enough.int().argmax(1), patches.shape[1] - 1)
        rows = torch.arange(len(first), device=first.device)
        values, real = patches[rows, first], 1 - padding[rows, first]
        count = real.sum(-1).clamp(min=1.0)
        mean = (values * real).sum(-1) / count
        deviation = (((values - mean[:, None]) * real).square().sum(-1) / count).sqrt()
        return mean, deviation.clamp(min=self.config.tolerance)

    def freq_of(self, freq: Any, values: Tensor) -> Tensor:
        """The numbers of the frequencies of the series in `values` (B, ...), (B, 1).

        Raises:
            InputError: something else.
        """
        numbers = freq if isinstance(freq, Tensor) else torch.tensor(freq)
        check_rows(numbers, "freq", self.config.freq_size)
        if numbers.numel() != len(values):
            raise InputError(
                f"freq holds {numbers.numel()} numbers and past_values {len(values)} series; expected one for each"
            )
        return numbers.to(values.device).view(-1, 1)

    def forward(self, past_values: Tensor, past_values_padding: Tensor, freq: Tensor) -> TimesFmOutput:
        """Args:
        past_values: (B, T), T a multiple of `patch_length`. past_values_padding: (B, T), 1 where they are padding.
        freq: (B,) or (B, 1), which of the frequencies of the config the series have.
        """
        tolerance, missing = self.config.tolerance, self.config.pad_val
        patches, padding = patches_of(self, past_values, past_values_padding)
        patches = patches.masked_fill((padding - 1).abs() < tolerance, 0.0)
        padding = padding.masked_fill((patches - missing).abs() < tolerance, 1.0)
        loc, scale = self.mean_and_deviation(patches, padding)
        scaled = (patches - loc[:, None, None]) / scale[:, None, None] * (1 - padding)
        x = self.input_ff_layer(torch.cat([scaled, padding], dim=-1)) + self.freq_emb(self.freq_of(freq, patches))
        real = padding.amin(-1) == 0
        if self.config.use_positional_embedding:
            count = x.shape[1]
            first = torch.where(real.any(1), real.int().argmax(1), -1)
            places = torch.arange(count, device=x.device) - first[:, None]
            x = x + self.position_emb(places % count).to(x.dtype)
        bias = make_mask(x.shape[1], x.device, real, causal=True).bias(x.dtype)
        mask = make_mask(x.shape[1], x.device, bias)  # as published, padding looks at everything alike, also behind it
        for layer in self.layers:
            x = layer(x, mask, real=real)
        return TimesFmOutput(x, loc=loc, scale=scale)

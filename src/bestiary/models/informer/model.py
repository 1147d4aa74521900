"""The modules of Informer. Parameter names are the published ones."""

import math
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...modeling.heads.series_prediction import SeriesPrediction
from ...modeling.recording import Stack
from ...modeling.seq2seq_layers import Seq2SeqLayer
from ...modeling.series import SeriesDecoder, SeriesEncoder, SeriesModel, SeriesPreTrainedModel
from ...nn.attention import Attend
from ...nn.kernels import default_scaling
from ...nn.layer import skipped
from ...nn.masks import Mask
from ...nn.part_order import put_last
from . import InformerConfig


class ProbSparseAttend(Attend):
    """Attention of the queries that stand out; the others get the mean of all values, or in a decoder the sum of those so far.

    A query stands out where its largest score is far from its mean, over a random sample of keys (eq. 4 of the paper). All
    kernels give what the formula gives, for there is no other.
    """

    def __init__(self, scaling: float, dropout: float, factor: int, causal: bool) -> None:
        super().__init__(scaling, dropout)
        self.factor, self.causal = factor, causal

    def standing_out(self, query: Tensor, key: Tensor) -> Tensor:
        """The places (B, H, U) of the queries (B, H, T, K) that stand out; draws keys with torch's random numbers."""
        length, keys = query.shape[2], key.shape[2]
        sampled = min(self.factor * length * math.ceil(math.log1p(keys)), keys)
        chosen = min(self.factor * math.ceil(math.log1p(length)), length)
        scores = query @ key[:, :, torch.randint(0, keys, (sampled,))].transpose(-1, -2)
        return (scores.amax(-1) - scores.sum(-1) / keys).topk(chosen, sorted=False).indices

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Mask | None = None,
        bias: Tensor | None = None,
        need_weights: bool = False,
        sinks: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """As in `Attend`, without a bias or sinks; the probabilities are those of the queries that stand out, (B, H, U, S)."""
        if self.causal and query.shape[2] != key.shape[2]:
            raise InputError("prob-sparse attention compares all steps with each other: pass them at once, without a cache")
        query = query * self.scoring.scaling
        places = self.standing_out(query, key)[..., None]

        def at_places(x: Tensor) -> Tensor:
            return x.gather(2, places.expand(-1, -1, -1, x.shape[-1]))

        scores = at_places(query) @ key.transpose(-1, -2)
        hidden = None if mask is None else mask.bias(scores.dtype)
        if hidden is not None:
            scores = scores + at_places(hidden.expand(*query.shape[:3], key.shape[2]))
        probabilities = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
        dropped = nn.functional.dropout(probabilities, self.scoring.dropout, self.training)
        others = value.cumsum(2, dtype=torch.float32).to(value.dtype) if self.causal else value.mean(2, keepdim=True)
        mixed = others.expand_as(query).scatter(2, places.expand(-1, -1, -1, query.shape[-1]), dropped @ value)
        return (mixed, probabilities) if need_weights else mixed


class InformerLayer(Seq2SeqLayer):
    """A layer of BART whose attention to itself may be prob-sparse."""

    def __init__(self, config: InformerConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        if config.attention_type == "prob":
            scaling = default_scaling(self.self_attn.head_dim)
            attend = ProbSparseAttend(scaling, config.attention_dropout, config.sampling_factor, self.is_decoder)
            self.self_attn.attend = attend
        put_last(self, "self_attn")


class InformerEncoderLayer(InformerLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""


class InformerDecoderLayer(InformerLayer):
    """The same with attention to the encoder's output in between."""

    is_decoder = True


class InformerConvLayer(nn.Module):
    """Half as many states: a circular convolution, normed, then the largest of every three (eq. 5)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.downConv = nn.Conv1d(size, size, kernel_size=3, padding=1, padding_mode="circular")
        self.norm, self.activation = nn.BatchNorm1d(size), nn.functional.elu

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, (T + 1) // 2, D)."""
        x = self.activation(self.norm(self.downConv(x.transpose(1, 2))))
        return nn.functional.max_pool1d(x, kernel_size=3, stride=2, padding=1).transpose(1, 2)


class InformerPreTrainedModel(SeriesPreTrainedModel):
    """What all classes of Informer share."""

    config_class = InformerConfig
    stacks = {**SeriesPreTrainedModel.stacks, "encoder_": Stack("encoder.layers", outputs=True)}
    _no_split_modules = ["InformerEncoderLayer", "InformerDecoderLayer"]


class InformerEncoder(SeriesEncoder, InformerPreTrainedModel):
    """The encoder; with `distil`, a layer that halves the series stands between its layers."""

    stacks = {"": Stack("layers", outputs=True)}
    layer_class = InformerEncoderLayer

    def __init__(self, config: InformerConfig) -> None:
        super().__init__(config)
        count = max(config.encoder_layers - 1, 0) if config.distil else 0
        self.conv_layers = nn.ModuleList(InformerConvLayer(config.d_model) for _ in range(count))

    def through_layers(self, x: Tensor, mask: Mask, cache: Any = None, **others: Any) -> Tensor:
        if mask.padding is not None and len(self.conv_layers):
            raise InputError("attention_mask hides steps, which this encoder merges with others (distil); leave it out")
        for layer, conv in zip_longest(self.layers, self.conv_layers):
            if not skipped(self.layerdrop, self.training):
                x = layer(x, mask)
                x = x if conv is None else conv(x)
                mask = Mask(x.shape[1], x.shape[1], x.device, padding=mask.padding)
        return x


class InformerDecoder(SeriesDecoder, InformerPreTrainedModel):
    """The decoder."""

    layer_class = InformerDecoderLayer


class InformerModel(SeriesModel, InformerPreTrainedModel):
    """Encoder and decoder without a head."""

    encoder_class, decoder_class = InformerEncoder, InformerDecoder


class InformerForPrediction(SeriesPrediction, InformerPreTrainedModel):
    """Informer that tells how each series goes on."""

    backbone_class = InformerModel

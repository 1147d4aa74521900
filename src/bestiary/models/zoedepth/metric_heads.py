"""ZoeDepth's heads: relative depth to metres, by one set of bins or by the one of several that fits what is seen."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.kernels import default_scaling
from . import ZoeDepthConfig
from .bins import (
    ZoeDepthAttractor,
    ZoeDepthConditionalLogBinomialSoftmax,
    ZoeDepthProjector,
    ZoeDepthSeedBinRegressor,
    resized,
    seeds,
)

_ATTRACTORS = 16  # of each scale, where there are several sets of bins


class ZoeDepthMetricDepthEstimationHead(nn.Module):
    """One set of bins; it also looks at the relative depth."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        super().__init__()
        self.config, bins = config, config.bin_configurations[0]
        ends, size = (bins["min_depth"], bins["max_depth"]), config.bin_embedding_dim
        self.conv2 = nn.Conv2d(config.bottleneck_features, config.bottleneck_features, 1)
        self.seed_bin_regressor = ZoeDepthSeedBinRegressor(config, bins["n_bins"], 256, *ends)
        self.seed_projector = ZoeDepthProjector(config.bottleneck_features, size, 128)
        self.projectors = nn.ModuleList(ZoeDepthProjector(config.fusion_hidden_size, size, 128) for _ in range(4))
        self.attractors = nn.ModuleList(ZoeDepthAttractor(config, count, *ends) for count in config.num_attractors)
        inner = config.num_relative_features + 1 + size
        self.conditional_log_binomial = ZoeDepthConditionalLogBinomialSoftmax(config, inner, bins["n_bins"], 2)

    def forward(
        self, outconv_activation: Tensor, bottleneck: Tensor, feature_blocks: list[Tensor], relative_depth: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The relative head's features, the coarsest map, the fused ones, a relative depth -> (B, 1, Y, X) in metres, None."""
        x = self.conv2(bottleneck)
        prev_bin = seeds(self.seed_bin_regressor(x)[1], self.config, self.config.bin_configurations[0])
        embedding, centers = self.seed_projector(x), prev_bin
        for projector, attractor, block in zip(self.projectors, self.attractors, feature_blocks, strict=True):
            previous, embedding = embedding, projector(block)
            prev_bin, centers = attractor(embedding, prev_bin, previous)
        features = torch.cat((outconv_activation, resized(relative_depth.unsqueeze(1), outconv_activation)), dim=1)
        weights = self.conditional_log_binomial(features, resized(embedding, features))
        return (weights * resized(centers, weights)).sum(1, keepdim=True), None


class ZoeDepthMultiheadAttention(HasHeads):
    """Every place looks at every place."""

    query_name, dropout_name, calls_dropout = "query", "dropout", True

    def __init__(self, size: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.head_dim = size // heads
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> the same shape."""
        heads = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        output: Tensor = self.out_proj(merge_heads(self.attend(*heads, None)))
        return output


class ZoeDepthTransformerEncoderLayer(nn.Module):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    def __init__(self, config: ZoeDepthConfig, dropout: float = 0.1) -> None:
        super().__init__()
        size, inner = config.patch_transformer_hidden_size or 0, config.patch_transformer_intermediate_size or 0
        self.self_attn = ZoeDepthMultiheadAttention(size, config.patch_transformer_num_attention_heads or 1, dropout)
        self.linear1, self.linear2 = nn.Linear(size, inner), nn.Linear(inner, size)
        self.dropout = nn.Dropout(dropout)
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.dropout1, self.dropout2 = nn.Dropout(dropout), nn.Dropout(dropout)
        self.activation = nn.ReLU()

    def forward(self, src: Tensor) -> Tensor:
        """(B, T, D) -> the same shape."""
        x = self.norm1(src + self.dropout1(self.self_attn(src)))
        output: Tensor = self.norm2(x + self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x))))))
        return output


class ZoeDepthPatchTransformerEncoder(nn.Module):
    """A transformer over the places of the coarsest map, an empty token first."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        super().__init__()
        count = config.num_patch_transformer_layers or 0
        self.transformer_encoder = nn.ModuleList(ZoeDepthTransformerEncoderLayer(config) for _ in range(count))
        self.embedding_convPxP = nn.Conv2d(config.bottleneck_features, config.patch_transformer_hidden_size or 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, 1 + Y * X, D)."""
        x = pad(self.embedding_convPxP(x).flatten(2), (1, 0)).transpose(1, 2)
        size = x.shape[2]
        rates = torch.exp(torch.arange(0, size, 2, device=x.device, dtype=x.dtype) * (-math.log(10000.0) / size))
        angles = torch.arange(x.shape[1], device=x.device, dtype=x.dtype).unsqueeze(1) * rates
        x = x + torch.cat((angles.sin(), angles.cos()), dim=1)
        for layer in self.transformer_encoder:
            x = layer(x)
        return x


class ZoeDepthMLPClassifier(nn.Module):
    """linear(relu(linear(x))): which set of bins fits."""

    def __init__(self, size: int, count: int) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(size, size), nn.Linear(size, count)
        self.activation = nn.ReLU()

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        output: Tensor = self.linear2(self.activation(self.linear1(hidden_state)))
        return output


class ZoeDepthMultipleMetricDepthEstimationHeads(nn.Module):
    """Several sets of bins; all images of a batch go by the one that most of their votes are for."""

    def __init__(self, config: ZoeDepthConfig) -> None:
        super().__init__()
        self.config, size, inner = config, config.bin_embedding_dim, config.bin_embedding_dim // 2
        sets: list[dict[str, Any]] = config.bin_configurations
        self.conv2 = nn.Conv2d(config.bottleneck_features, config.bottleneck_features, 1)
        self.patch_transformer = ZoeDepthPatchTransformerEncoder(config)
        self.mlp_classifier = ZoeDepthMLPClassifier(config.patch_transformer_hidden_size or 0, len(sets))
        self.seed_bin_regressors = nn.ModuleDict(
            {
                bins["name"]: ZoeDepthSeedBinRegressor(config, bins["n_bins"], inner, bins["min_depth"], bins["max_depth"])
                for bins in sets
            }
        )
        self.seed_projector = ZoeDepthProjector(config.bottleneck_features, size, inner)
        self.projectors = nn.ModuleList(ZoeDepthProjector(config.fusion_hidden_size, size, inner) for _ in range(4))
        self.attractors = nn.ModuleDict(
            {
                bins["name"]: nn.ModuleList(
                    ZoeDepthAttractor(config, _ATTRACTORS, bins["min_depth"], bins["max_depth"]) for _ in config.num_attractors
                )
                for bins in sets
            }
        )
        features = config.num_relative_features + size
        self.conditional_log_binomial = nn.ModuleDict(
            {bins["name"]: ZoeDepthConditionalLogBinomialSoftmax(config, features, bins["n_bins"], 4) for bins in sets}
        )

    def forward(
        self, outconv_activation: Tensor, bottleneck: Tensor, feature_blocks: list[Tensor], relative_depth: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """As of one set; second the logits of the sets (B, N)."""
        x = self.conv2(bottleneck)
        domain_logits = self.mlp_classifier(self.patch_transformer(x)[:, 0])
        bins = self.config.bin_configurations[int(domain_logits.sum(0).argmax())]
        name = bins["name"]
        prev_bin = seeds(self.seed_bin_regressors[name](x)[1], self.config, bins)
        embedding, centers = self.seed_projector(x), prev_bin
        attractors: Any = self.attractors[name]
        for projector, attractor, block in zip(self.projectors, attractors, feature_blocks, strict=True):
            previous, embedding = embedding, projector(block)
            prev_bin, centers = attractor(embedding, prev_bin, previous)
        condition = resized(embedding, outconv_activation)
        weights = self.conditional_log_binomial[name](outconv_activation, condition)
        return (weights * resized(centers, weights)).sum(1, keepdim=True), domain_logits

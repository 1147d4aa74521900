"""The modules of SwiftFormer. Parameter names are the published ones. States are maps (B, C, Y, X)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ...core.outputs import BaseModelOutput, ImageClassifierOutput
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import recorded
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.init import Starting, constant, normal
from ...nn.patches import check_pixels
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import SwiftFormerConfig


class SwiftFormerPatchEmbedding(nn.Module):
    """The stem: two convolutions, each of which halves the image."""

    def __init__(self, config: SwiftFormerConfig) -> None:
        super().__init__()
        size = config.embed_dims[0]
        self.patch_embedding = nn.Sequential(
            nn.Conv2d(config.num_channels, size // 2, 3, stride=2, padding=1),
            nn.BatchNorm2d(size // 2, eps=config.batch_norm_eps),
            nn.ReLU(),
            nn.Conv2d(size // 2, size, 3, stride=2, padding=1),
            nn.BatchNorm2d(size, eps=config.batch_norm_eps),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/4, X/4)."""
        output: Tensor = self.patch_embedding(x)
        return output


class SwiftFormerEmbeddings(nn.Module):
    """A convolution that makes maps smaller, and a norm."""

    def __init__(self, config: SwiftFormerConfig, inner: int, outer: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inner, outer, config.down_patch_size, stride=config.down_stride, padding=config.down_pad)
        self.norm = nn.BatchNorm2d(outer, eps=config.batch_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        output: Tensor = self.norm(self.proj(x))
        return output


class SwiftFormerConvEncoder(Starting):
    """x + scale * (each channel convolved, widened, narrowed).

    Args:
        ratio: how much wider its inner maps are. rate: the share of the numbers it adds that training leaves out.
    """

    def __init__(self, config: SwiftFormerConfig, dim: int, ratio: float, rate: float | None) -> None:
        super().__init__()
        inner = int(ratio * dim)
        self.depth_wise_conv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm = nn.BatchNorm2d(dim, eps=config.batch_norm_eps)
        self.point_wise_conv1 = nn.Conv2d(dim, inner, 1)
        self.act = nn.GELU()
        self.point_wise_conv2 = nn.Conv2d(inner, dim, 1)
        self.drop_path = nn.Identity() if rate is None else nn.Dropout(rate)
        self.layer_scale = nn.Parameter(torch.ones(dim, 1, 1))
        self.starts = {"layer_scale": constant(1.0)}

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        seen = self.norm(self.depth_wise_conv(x))
        output: Tensor = x + self.drop_path(self.layer_scale * self.point_wise_conv2(self.act(self.point_wise_conv1(seen))))
        return output


class SwiftFormerMlp(nn.Module):
    """fc2(act(fc1(norm(x)))), both of whose results lose some numbers in training."""

    def __init__(self, config: SwiftFormerConfig, size: int) -> None:
        super().__init__()
        inner = int(size * config.mlp_ratio)
        self.norm1 = nn.BatchNorm2d(size, eps=config.batch_norm_eps)
        self.fc1, self.act = nn.Conv2d(size, inner, 1), activation(config.hidden_act)
        self.fc2, self.drop = nn.Conv2d(inner, size, 1), nn.Dropout(config.drop_mlp_rate)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        output: Tensor = self.drop(self.fc2(self.drop(self.act(self.fc1(self.norm1(x))))))
        return output


class SwiftFormerEfficientAdditiveAttention(Starting):
    """final(proj(sum of weighed queries * key) + query). As published, a weight is a softmax over itself alone, which is 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.to_query, self.to_key = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.w_g = nn.Parameter(torch.zeros(dim, 1))
        self.starts = {"w_g": normal(1.0)}
        self.scale_factor = dim**-0.5
        self.proj, self.final = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> the same shape."""
        query, key = normalize(self.to_query(x), dim=-1), normalize(self.to_key(x), dim=-1)
        weights = (query @ self.w_g * self.scale_factor).softmax(dim=-1)
        context = (weights * query).sum(dim=1, keepdim=True)
        output: Tensor = self.final(self.proj(context * key) + query)
        return output


class SwiftFormerEncoderBlock(Starting):
    """Convolutions, then x + scale1 * attention(x), then x + scale2 * mlp(x); training leaves out halves for some images."""

    def __init__(self, config: SwiftFormerConfig, dim: int, rate: float) -> None:
        super().__init__()
        self.use_layer_scale = config.use_layer_scale
        self.local_representation = SwiftFormerConvEncoder(config, dim, 1, None)
        self.attn = SwiftFormerEfficientAdditiveAttention(dim)
        self.linear = SwiftFormerMlp(config, dim)
        self.drop_path = StochasticDepth(rate) if rate else nn.Identity()
        if config.use_layer_scale:
            names = ("layer_scale_1", "layer_scale_2")
            self.layer_scale_1, self.layer_scale_2 = (nn.Parameter(torch.zeros(dim, 1, 1)) for _ in names)
            self.starts = dict.fromkeys(names, constant(config.layer_scale_init_value))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        x = self.local_representation(x)
        seen: Tensor = self.attn(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)
        x = x + self.drop_path(self.layer_scale_1 * seen if self.use_layer_scale else seen)
        inner = self.linear(x)
        output: Tensor = x + self.drop_path(self.layer_scale_2 * inner if self.use_layer_scale else inner)
        return output


class SwiftFormerStage(nn.Module):
    """Blocks of convolutions, and one with attention."""

    def __init__(self, config: SwiftFormerConfig, dim: int, rates: list[float]) -> None:
        super().__init__()
        rate = config.drop_conv_encoder_rate
        self.blocks = nn.ModuleList(SwiftFormerConvEncoder(config, dim, config.mlp_ratio, rate) for _ in rates[1:])
        self.blocks.append(SwiftFormerEncoderBlock(config, dim, rates[-1]))

    def forward(self, input: Tensor) -> Tensor:
        """The same shape."""
        for block in self.blocks:
            input = block(input)
        return input


class SwiftFormerEncoder(nn.Module):
    """All stages, and what makes maps smaller between them."""

    gradient_checkpointing = False

    def __init__(self, config: SwiftFormerConfig) -> None:
        super().__init__()
        self.network, rates = nn.ModuleList(), rising_rates(config.drop_path_rate, sum(config.depths))
        for stage, (depth, dim) in enumerate(zip(config.depths, config.embed_dims, strict=True)):
            first, before = sum(config.depths[:stage]), config.embed_dims[max(stage - 1, 0)]
            if stage and (config.downsamples[stage - 1] or before != dim):
                self.network.append(SwiftFormerEmbeddings(config, before, dim))
            self.network.append(SwiftFormerStage(config, dim, rates[first : first + depth]))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> the last stage's map."""
        for block in self.network:
            hidden_states = block(hidden_states)
        return hidden_states


class SwiftFormerPreTrainedModel(PreTrainedModel):
    """What all SwiftFormer classes share."""

    config_class = SwiftFormerConfig
    base_model_prefix = "swiftformer"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.network", outputs=True)}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["SwiftFormerEncoderBlock", "SwiftFormerConvEncoder"]
    config: Any


class SwiftFormerModel(SwiftFormerPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: SwiftFormerConfig) -> None:
        super().__init__(config)
        self.patch_embed = SwiftFormerPatchEmbedding(config)
        self.encoder = SwiftFormerEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.patch_embed.patch_embedding[0]

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X), of any size. The states are maps (B, D, Y/32, X/32)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        weight: Any = self.get_input_embeddings().weight
        return BaseModelOutput(last_hidden_state=self.encoder(self.patch_embed(pixels.to(weight.dtype))))


class SwiftFormerForImageClassification(ImageClassifier, SwiftFormerPreTrainedModel):
    """SwiftFormer that labels an image by the mean of its last states: the mean of a head's logits and a teacher's head's."""

    backbone_class = SwiftFormerModel

    def __init__(self, config: SwiftFormerConfig) -> None:
        super(ImageClassifier, self).__init__(config)  # its head is another
        size = config.embed_dims[-1]
        self.norm = nn.BatchNorm2d(size, eps=config.batch_norm_eps)
        self.head, self.dist_head = nn.Linear(size, config.num_labels), nn.Linear(size, config.num_labels)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> ImageClassifierOutput:  # type: ignore[override]
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.run_backbone(pixel_values)
        pooled = self.norm(output.last_hidden_state).flatten(2).mean(-1)
        logits = (self.head(pooled) + self.dist_head(pooled)) / 2
        loss = None if labels is None else self.loss(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits, **recorded(output))

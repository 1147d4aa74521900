"""The modules of LeViT. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BaseModelOutputWithPooling, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.headed import Headed, recorded
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.recording import Stack
from ...nn.attend import Attend
from ...nn.init import Starting, constant
from ...nn.kernels import default_scaling
from ...nn.patches import check_pixels
from . import LevitConfig


@dataclass
class LevitForImageClassificationWithTeacherOutput(ModelOutput):
    """`logits` (B, N), the mean of `cls_logits` and of `distillation_logits`, which learn from a teacher."""

    logits: Tensor | None = None
    cls_logits: Tensor | None = None
    distillation_logits: Tensor | None = None
    hidden_states: Tensors | None = None


class LevitConvEmbeddings(nn.Module):
    """A convolution that halves maps, and a norm."""

    def __init__(self, config: LevitConfig, inner: int, outer: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inner, outer, config.kernel_size, config.stride, config.padding, bias=False)
        self.batch_norm = nn.BatchNorm2d(outer)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        output: Tensor = self.batch_norm(self.convolution(embeddings))
        return output


class LevitPatchEmbeddings(nn.Module):
    """Four convolutions, each twice as wide as the one before."""

    def __init__(self, config: LevitConfig) -> None:
        super().__init__()
        size = config.hidden_sizes[0]
        widths = (config.num_channels, size // 8, size // 4, size // 2, size)
        self.num_channels = config.num_channels
        for number in range(1, 5):
            layer = LevitConvEmbeddings(config, widths[number - 1], widths[number])
            self.add_module(f"embedding_layer_{number}", layer)
            if number < 4:
                self.add_module(f"activation_layer_{number}", nn.Hardswish())

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, Y/16 * X/16, D)."""
        x = pixel_values
        for layer in self.children():
            x = layer(x)
        return x.flatten(2).transpose(1, 2)


class MLPLayerWithBN(nn.Module):
    """A dense layer, and a batch norm over all places."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inner, outer, bias=False)
        self.batch_norm = nn.BatchNorm1d(outer)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, D)."""
        x = self.linear(hidden_state)
        output: Tensor = self.batch_norm(x.flatten(0, 1)).reshape_as(x)
        return output


class LevitSubsample(nn.Module):
    """Every `stride`-th row and column of a grid of `resolution` places a side."""

    def __init__(self, stride: int, resolution: int) -> None:
        super().__init__()
        self.stride, self.resolution = stride, resolution

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> (B, S, C)."""
        grid: Tensor = hidden_state.unflatten(1, (self.resolution, self.resolution))
        return grid[:, :: self.stride, :: self.stride].flatten(1, 2)


class LevitAttentionBase(Starting):
    """The places of a grid, or every `stride`-th, look at all, with a trained bias for each distance along rows and columns.

    Args:
        count: the number of heads. ratio: the width of values over that of keys, `key_dim`. resolution: the side of the grid.
    """

    def __init__(self, key_dim: int, count: int, ratio: float, stride: int, resolution: int) -> None:
        super().__init__()
        self.num_attention_heads, self.key_dim, self.attention_ratio = count, key_dim, ratio
        self.scale = default_scaling(key_dim)
        self.stride, self.resolution = stride, resolution
        self.attention_biases = nn.Parameter(torch.zeros(count, resolution**2))
        self.starts = {"attention_biases": constant(0.0)}
        self.attend = Attend(self.scale)

    def biases(self) -> Tensor:
        """Of each pair of a place that looks and one that is seen (1, H, S, T)."""
        places = torch.arange(self.resolution, device=self.attention_biases.device)
        apart = (places[:: self.stride, None] - places).abs()
        down, across = apart[:, None, :, None], apart[None, :, None, :]
        number = (down * self.resolution + across).flatten(2).flatten(0, 1)
        return self.attention_biases[:, number][None]

    def heads(self, x: Tensor) -> Tensor:
        """(B, T, H * K) -> (B, T, H, K)."""
        return x.reshape(*x.shape[:2], self.num_attention_heads, -1)

    def mixed(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, S, H, K), (B, T, H, K) and (B, T, H, V) -> (B, S, H * V)."""
        output: Tensor = self.attend(*(each.transpose(1, 2) for each in (query, key, value)), None, self.biases())
        return output.transpose(1, 2).flatten(2)


class LevitAttention(LevitAttentionBase):
    """Every place looks at all."""

    def __init__(self, size: int, key_dim: int, count: int, ratio: float, resolution: int) -> None:
        super().__init__(key_dim, count, ratio, 1, resolution)
        wide = int(ratio * key_dim)
        self.queries_keys_values = MLPLayerWithBN(size, count * (2 * key_dim + wide))
        self.activation = nn.Hardswish()
        self.projection = MLPLayerWithBN(count * wide, size)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> the same shape."""
        wide = int(self.attention_ratio * self.key_dim)
        heads = self.heads(self.queries_keys_values(hidden_state))
        output: Tensor = self.projection(self.activation(self.mixed(*heads.split((self.key_dim, self.key_dim, wide), dim=3))))
        return output


class LevitAttentionSubsample(LevitAttentionBase):
    """Every `stride`-th place of each row and column looks at all, and becomes wider."""

    def __init__(self, inner: int, outer: int, key_dim: int, count: int, ratio: float, stride: int, resolution: int) -> None:
        super().__init__(key_dim, count, ratio, stride, resolution)
        wide = int(ratio * key_dim)
        self.keys_values = MLPLayerWithBN(inner, count * (key_dim + wide))
        self.queries_subsample = LevitSubsample(stride, resolution)
        self.queries = MLPLayerWithBN(inner, count * key_dim)
        self.activation = nn.Hardswish()
        self.projection = MLPLayerWithBN(count * wide, outer)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> (B, S, D)."""
        heads = self.heads(self.keys_values(hidden_state))
        key, value = heads.split((self.key_dim, heads.shape[3] - self.key_dim), dim=3)
        query = self.heads(self.queries(self.queries_subsample(hidden_state)))
        output: Tensor = self.projection(self.activation(self.mixed(query, key, value)))
        return output


class LevitMLPLayer(nn.Module):
    """down(hardswish(up(x)))."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.linear_up, self.activation = MLPLayerWithBN(size, inner), nn.Hardswish()
        self.linear_down = MLPLayerWithBN(inner, size)

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.linear_down(self.activation(self.linear_up(hidden_state)))
        return output


class LevitResidualLayer(nn.Module):
    """x + module(x); in training the module is left out for some images."""

    def __init__(self, module: nn.Module, drop_rate: float) -> None:
        super().__init__()
        self.module, self.drop_rate = module, drop_rate

    def forward(self, hidden_state: Tensor) -> Tensor:
        """The same shape."""
        added = self.module(hidden_state)
        if self.training and self.drop_rate > 0:
            draws = torch.rand(len(added), 1, 1, device=added.device)
            added = added * draws.ge(self.drop_rate).to(added.dtype).div(1 - self.drop_rate)
        output: Tensor = hidden_state + added
        return output


class LevitStage(nn.Module):
    """The blocks of one width; behind them, but for the last stage, attention of fewer queries."""

    def __init__(self, config: LevitConfig, stage: int, resolution: int) -> None:
        super().__init__()
        size, rate = config.hidden_sizes[stage], config.drop_path_rate
        self.layers, heads = nn.ModuleList(), config.num_attention_heads[stage]
        for _ in range(config.depths[stage]):
            attention = LevitAttention(size, config.key_dim[stage], heads, config.attention_ratio[stage], resolution)
            self.layers.append(LevitResidualLayer(attention, rate))
            if config.mlp_ratio[stage] > 0:
                self.layers.append(LevitResidualLayer(LevitMLPLayer(size, int(size * config.mlp_ratio[stage])), rate))
        if stage + 1 < len(config.depths):
            _, width, count, ratio, mlp_ratio, stride = config.down_ops[stage]
            outer = config.hidden_sizes[stage + 1]
            self.layers.append(LevitAttentionSubsample(size, outer, width, count, ratio, stride, resolution))
            self.layers.append(LevitResidualLayer(LevitMLPLayer(outer, outer * mlp_ratio), rate))

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> (B, S, D)."""
        for layer in self.layers:
            hidden_state = layer(hidden_state)
        return hidden_state


class LevitEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: LevitConfig) -> None:
        super().__init__()
        self.stages, resolution = nn.ModuleList(), config.image_size // config.patch_size
        for stage in range(len(config.depths)):
            self.stages.append(LevitStage(config, stage, resolution))
            resolution = (resolution - 1) // 2 + 1

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, T, C) -> the last stage's states."""
        for stage in self.stages:
            hidden_state = stage(hidden_state)
        return hidden_state


class LevitClassificationLayer(nn.Module):
    """A norm, and a dense layer to logits."""

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.batch_norm, self.linear = nn.BatchNorm1d(input_dim), nn.Linear(input_dim, output_dim)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, D) -> (B, N)."""
        output: Tensor = self.linear(self.batch_norm(hidden_state))
        return output


class LevitPreTrainedModel(PreTrainedModel):
    """What all LeViT classes share."""

    config_class = LevitConfig
    base_model_prefix = "levit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["LevitResidualLayer", "LevitAttentionSubsample"]
    config: Any


class LevitModel(LevitPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: LevitConfig) -> None:
        super().__init__(config)
        self.patch_embeddings = LevitPatchEmbeddings(config)
        self.encoder = LevitEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.patch_embeddings.get_submodule("embedding_layer_1.convolution")

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X), of the config's size. `pooler_output` (B, D) is the mean of the states."""
        config = self.config
        pixels = check_pixels(pixel_values, config.num_channels, 1, None)
        weight: Any = self.get_input_embeddings().weight
        x = self.patch_embeddings(pixels.to(weight.dtype))
        places = (config.image_size // config.patch_size) ** 2
        if x.shape[1] != places:
            raise InputError(
                f"images of {pixels.shape[2]} x {pixels.shape[3]} pixels give {x.shape[1]} patches; this model has"
                f" {places}, of images of {config.image_size} x {config.image_size} (image_size)"
            )
        x = self.encoder(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x.mean(dim=1))


class LevitForImageClassification(PooledImageClassifier, LevitPreTrainedModel):
    """LeViT that labels an image by the mean of its states."""

    backbone_class = LevitModel

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return LevitClassificationLayer(self.config.hidden_sizes[-1], config.num_labels)


class LevitForImageClassificationWithTeacher(Headed, LevitPreTrainedModel):
    """LeViT that labels an image by two heads, one of them a teacher's. It computes no loss."""

    backbone_class = LevitModel

    def __init__(self, config: LevitConfig) -> None:
        super().__init__(config)
        self.classifier = LevitClassificationLayer(config.hidden_sizes[-1], config.num_labels)
        self.classifier_distill = LevitClassificationLayer(config.hidden_sizes[-1], config.num_labels)

    def forward(self, pixel_values: Tensor | None = None) -> LevitForImageClassificationWithTeacherOutput:
        """pixel_values: (B, C, Y, X), of the config's size."""
        output = self.run_backbone(pixel_values)
        by_class, by_teacher = self.classifier(output.pooler_output), self.classifier_distill(output.pooler_output)
        states = {name: value for name, value in recorded(output).items() if name != "attentions"}
        return LevitForImageClassificationWithTeacherOutput(
            logits=(by_class + by_teacher) / 2, cls_logits=by_class, distillation_logits=by_teacher, **states
        )

"""The modules of CvT. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ImageClassifierOutput, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.mix_transformer import as_grid, as_places
from ...modeling.recording import Stack
from ...nn.attention import Attend, HasHeads, merge_heads
from ...nn.init import Starting, normal
from ...nn.patches import check_pixels
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import CvtConfig


@dataclass
class BaseModelOutputWithCLSToken(ModelOutput):
    """`last_hidden_state` (B, D, y, x), the last stage's map; `cls_token_value` (B, 1, D), the state of its class token."""

    last_hidden_state: Tensor = ALWAYS
    cls_token_value: Tensor | None = None
    hidden_states: Tensors | None = None


class CvtConvEmbeddings(nn.Module):
    """A convolution, and a norm over channels."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        channels, size = config.embed_dim[stage - 1] if stage else config.num_channels, config.embed_dim[stage]
        self.projection = nn.Conv2d(
            channels, size, config.patch_sizes[stage], config.patch_stride[stage], config.patch_padding[stage]
        )
        self.normalization = nn.LayerNorm(size)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x)."""
        x = self.projection(pixel_values)
        return as_grid(self.normalization(as_places(x)), x.shape[2], x.shape[3])


class CvtEmbeddings(nn.Module):
    """The convolution that a stage begins with."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        self.convolution_embeddings = CvtConvEmbeddings(config, stage)
        self.dropout = nn.Dropout(config.drop_rate[stage])

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x)."""
        output: Tensor = self.dropout(self.convolution_embeddings(pixel_values))
        return output


class CvtSelfAttentionConvProjection(nn.Module):
    """A convolution of each channel alone, and a norm."""

    def __init__(self, size: int, kernel: int, padding: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(size, size, kernel, stride, padding, groups=size, bias=False)
        self.normalization = nn.BatchNorm2d(size)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, C, y, x)."""
        output: Tensor = self.normalization(self.convolution(hidden_state))
        return output


class CvtSelfAttentionProjection(nn.Module):
    """A map convolved, as places."""

    def __init__(self, size: int, kernel: int, padding: int, stride: int) -> None:
        super().__init__()
        self.convolution_projection = CvtSelfAttentionConvProjection(size, kernel, padding, stride)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, T, C)."""
        return as_places(self.convolution_projection(hidden_state))


class CvtSelfAttention(HasHeads):
    """Every place looks at the places of a coarser grid, and all at the class token, if there is one."""

    query_name, dropout_name, calls_dropout = "projection_query", "dropout", True

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        size, kernel, bias = config.embed_dim[stage], config.kernel_qkv[stage], config.qkv_bias[stage]
        self.head_dim, self.with_cls_token = size // config.num_heads[stage], config.cls_token[stage]
        around_query, around_key = config.padding_q[stage], config.padding_kv[stage]
        self.convolution_projection_query = CvtSelfAttentionProjection(size, kernel, around_query, config.stride_q[stage])
        self.convolution_projection_key = CvtSelfAttentionProjection(size, kernel, around_key, config.stride_kv[stage])
        self.convolution_projection_value = CvtSelfAttentionProjection(size, kernel, around_key, config.stride_kv[stage])
        self.projection_query = nn.Linear(size, size, bias=bias)
        self.projection_key = nn.Linear(size, size, bias=bias)
        self.projection_value = nn.Linear(size, size, bias=bias)
        # As published, scores are divided by the root of the width of all heads together.
        self.attend = Attend(size**-0.5, config.attention_drop_rate[stage])

    def forward(self, hidden_state: Tensor, height: int, width: int) -> Tensor:
        """(B, T, C) -> (B, S, C)."""
        first = int(self.with_cls_token)
        token, grid = hidden_state[:, :first], as_grid(hidden_state[:, first:], height, width)
        key, query, value = (
            project(torch.cat((token, look(grid)), dim=1))
            for look, project in (
                (self.convolution_projection_key, self.projection_key),
                (self.convolution_projection_query, self.projection_query),
                (self.convolution_projection_value, self.projection_value),
            )
        )
        heads = (each.unflatten(2, (self.num_heads, self.head_dim)).transpose(1, 2) for each in (query, key, value))
        mixed: Tensor = self.attend(*heads)
        return merge_heads(mixed)


class CvtSelfOutput(nn.Module):
    """A dense layer and dropout."""

    def __init__(self, size: int, rate: float) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(size, size), nn.Dropout(rate)

    def forward(self, hidden_state: Tensor, input_tensor: Tensor | None = None) -> Tensor:
        output: Tensor = self.dropout(self.dense(hidden_state))
        return output


class CvtAttention(nn.Module):
    """Self-attention and its output projection."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        self.attention = CvtSelfAttention(config, stage)
        self.output = CvtSelfOutput(config.embed_dim[stage], config.drop_rate[stage])

    def forward(self, hidden_state: Tensor, height: int, width: int) -> Tensor:
        """(B, T, C) -> (B, S, C)."""
        output: Tensor = self.output(self.attention(hidden_state, height, width))
        return output


class CvtIntermediate(nn.Module):
    """gelu(W x + b), the wide half of the MLP."""

    def __init__(self, size: int, ratio: float) -> None:
        super().__init__()
        self.dense, self.activation = nn.Linear(size, int(size * ratio)), nn.GELU()

    def forward(self, hidden_state: Tensor) -> Tensor:
        output: Tensor = self.activation(self.dense(hidden_state))
        return output


class CvtOutput(nn.Module):
    """A dense layer and dropout, added to what went into the MLP."""

    def __init__(self, size: int, ratio: float, rate: float) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(int(size * ratio), size), nn.Dropout(rate)

    def forward(self, hidden_state: Tensor, input_tensor: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.dense(hidden_state)) + input_tensor
        return output


class CvtLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), of which training, as published, leaves out the first or the sum."""

    def __init__(self, config: CvtConfig, stage: int, rate: float) -> None:
        super().__init__()
        size, ratio = config.embed_dim[stage], config.mlp_ratio[stage]
        self.attention = CvtAttention(config, stage)
        self.intermediate = CvtIntermediate(size, ratio)
        self.output = CvtOutput(size, ratio, config.drop_rate[stage])
        self.drop_path = StochasticDepth(rate) if rate else nn.Identity()
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(size), nn.LayerNorm(size)

    def forward(self, hidden_state: Tensor, height: int, width: int) -> Tensor:
        """(B, T, C) -> the same shape."""
        x = hidden_state + self.drop_path(self.attention(self.layernorm_before(hidden_state), height, width))
        output: Tensor = self.drop_path(self.output(self.intermediate(self.layernorm_after(x)), x))
        return output


class CvtStage(Starting):
    """A convolution and the blocks of one width."""

    def __init__(self, config: CvtConfig, stage: int) -> None:
        super().__init__()
        size, depth = config.embed_dim[-1], config.depth[stage]
        # As published, every class token is as wide as the last stage.
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size)) if config.cls_token[stage] else None
        self.starts = {"cls_token": normal(config.initializer_range)} if self.cls_token is not None else {}
        self.embedding = CvtEmbeddings(config, stage)
        # As published, all blocks have the rate that, of rates that rise from block to block, that of the stage's number is.
        rate = rising_rates(config.drop_path_rate[stage], depth)[min(stage, depth - 1)] if depth else 0.0
        self.layers = nn.Sequential(*(CvtLayer(config, stage, rate) for _ in range(depth)))

    def forward(self, hidden_state: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, Y, X) -> the map (B, D, y, x) and the class token's state (B, 1, D)."""
        x = self.embedding(hidden_state)
        height, width = x.shape[2:]
        x, first = as_places(x), int(self.cls_token is not None)
        if self.cls_token is not None:
            x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        for layer in self.layers:
            x = layer(x, height, width)
        return as_grid(x[:, first:], height, width), x[:, :1] if first else None


class CvtEncoder(nn.Module):
    """All stages."""

    def __init__(self, config: CvtConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(CvtStage(config, stage) for stage in range(len(config.depth)))

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, Y, X) -> the last stage's map and class token."""
        x, token = pixel_values, None
        for stage in self.stages:
            x, token = stage(x)
        return x, token


class CvtPreTrainedModel(PreTrainedModel):
    """What all CvT classes share."""

    config_class = CvtConfig
    base_model_prefix = "cvt"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages", outputs=True, entry=False, complete=False)}
    supports_gradient_checkpointing = False  # a second forward pass would count twice in the running statistics
    _no_split_modules = ["CvtLayer"]
    config: Any


class CvtModel(CvtPreTrainedModel):
    """The stages without a head."""

    def __init__(self, config: CvtConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.encoder = CvtEncoder(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.stages[0].get_submodule("embedding.convolution_embeddings.projection")

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithCLSToken:
        """pixel_values: (B, C, Y, X), of any size."""
        weight: Any = self.get_input_embeddings().weight
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x, token = self.encoder(pixels.to(weight.dtype))
        return BaseModelOutputWithCLSToken(last_hidden_state=x, cls_token_value=token)


class CvtForImageClassification(ImageClassifier, CvtPreTrainedModel):
    """CvT that labels an image by its class token, or else by the mean of its places."""

    backbone_class = CvtModel

    def __init__(self, config: CvtConfig) -> None:
        super(ImageClassifier, self).__init__(config)  # its head is another
        self.layernorm = nn.LayerNorm(config.embed_dim[-1])
        self.classifier = nn.Linear(config.embed_dim[-1], config.num_labels)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> ImageClassifierOutput:  # type: ignore[override]
        """labels: (B,) classes, (B, N) of a multi-label problem, or (B,) numbers of a regression."""
        output = self.run_backbone(pixel_values)
        token = output.cls_token_value
        states = self.layernorm(as_places(output.last_hidden_state) if token is None else token)
        logits = self.classifier(states.mean(dim=1))
        loss = None if labels is None else self.loss(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits)

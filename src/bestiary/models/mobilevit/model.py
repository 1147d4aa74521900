"""The modules of MobileViT. Parameter names are the published ones."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.patch_attention import PatchAttention, PatchOutput, PatchSelfAttention
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.init import start_batch_norm
from ...nn.layer import Layer
from ...nn.patches import check_pixels
from . import MobileViTConfig
from .convolutions import InvertedResidual, MobileNetLayer, MobileViTConvLayer
from .segmentation import MapHead

DEPTHS = (2, 4, 3)  # layers of the three transformers


class MobileViTSelfAttention(PatchSelfAttention):
    """Every place looks at every place that lies alike in its patch."""

    gives = ""
    dropout_name, calls_dropout = "dropout", True


class MobileViTAttention(PatchAttention):
    """Self-attention and its output projection."""

    gives = ""
    attention_class = MobileViTSelfAttention


class MobileViTIntermediate(nn.Module):
    """act(W x + b), the wide half of the MLP."""

    intermediate_act_fn = Alias("act")

    def __init__(self, config: MobileViTConfig, size: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, inner)
        self.act = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.act(self.dense(hidden_states))


class MobileViTTransformerLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: MobileViTConfig, size: int) -> None:
        super().__init__()
        inner = int(size * config.mlp_ratio)
        self.attention = MobileViTAttention(config, size)
        self.intermediate = MobileViTIntermediate(config, size, inner)
        self.output = PatchOutput(inner, config, size)
        self.layernorm_before = nn.LayerNorm(size, config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(size, config.layer_norm_eps)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = hidden_states + self.attention(self.layernorm_before(hidden_states), None)
        output: Tensor = x + self.output(self.intermediate(self.layernorm_after(x)))
        return output


class MobileViTTransformer(nn.Module):
    """The layers of one width."""

    def __init__(self, config: MobileViTConfig, size: int, depth: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(MobileViTTransformerLayer(config, size) for _ in range(depth))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        for layer in self.layer:
            hidden_states = layer(hidden_states)
        return hidden_states


def whole_patches(features: Tensor, patch: int) -> Tensor:
    """Maps (B, C, Y, X) scaled, bilinear, to the next whole number of patches."""
    size = [-(-length // patch) * patch for length in features.shape[-2:]]
    return scaled(features, size)


def scaled(features: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (B, C, Y, X) of another size, bilinear."""
    same = tuple(features.shape[-2:]) == tuple(size)
    return features if same else F.interpolate(features, size=list(size), mode="bilinear", align_corners=False)


class MobileViTLayer(nn.Module):
    """A convolution that halves the maps, what a transformer sees in them, and both together through a convolution."""

    def __init__(self, config: MobileViTConfig, inner: int, outer: int, size: int, depth: int, dilation: int) -> None:
        super().__init__()
        self.patch_width = self.patch_height = self.patch = config.patch_size
        kernel = config.conv_kernel_size
        stride, spread = (2, 1) if dilation == 1 else (1, dilation // 2)
        self.downsampling_layer = InvertedResidual(config, inner, outer, stride, spread)
        self.conv_kxk = MobileViTConvLayer(config, outer, outer, kernel)
        self.conv_1x1 = MobileViTConvLayer(config, outer, size, 1, normed=False, act=None)
        self.transformer = MobileViTTransformer(config, size, depth)
        self.layernorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.conv_projection = MobileViTConvLayer(config, size, outer, 1)
        self.fusion = MobileViTConvLayer(config, 2 * outer, outer, kernel)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2)."""
        x = self.downsampling_layer(features)
        residual, patch = x, self.patch
        x = whole_patches(self.conv_1x1(self.conv_kxk(x)), patch)
        rows, columns = x.shape[-2] // patch, x.shape[-1] // patch
        # Patches are tokens; each place of a patch is a text of its own: (B * places, patches, D).
        x = x.unflatten(2, (rows, patch)).unflatten(4, (columns, patch)).permute(0, 3, 5, 2, 4, 1)
        x = self.layernorm(self.transformer(x.reshape(-1, rows * columns, x.shape[-1])))
        x = x.reshape(len(features), patch, patch, rows, columns, x.shape[-1]).permute(0, 5, 3, 1, 4, 2)
        x = scaled(x.flatten(4, 5).flatten(2, 3), residual.shape[-2:])
        output: Tensor = self.fusion(torch.cat((residual, self.conv_projection(x)), dim=1))
        return output


class MobileViTEncoder(nn.Module):
    """All stages."""

    gradient_checkpointing = Alias("layer.2.transformer.layer.0.gradient_checkpointing")

    def __init__(self, config: MobileViTConfig) -> None:
        super().__init__()
        necks, dilation = config.neck_hidden_sizes, 1
        self.layer = nn.ModuleList(
            [MobileNetLayer(config, necks[0], necks[1], 1, 1), MobileNetLayer(config, necks[1], necks[2], 2, 3)]
        )
        for stage, (size, depth) in enumerate(zip(config.hidden_sizes, DEPTHS, strict=True)):
            dilation = dilation * 2 if dilated(config.output_stride, stage) else dilation
            self.layer.append(MobileViTLayer(config, necks[stage + 2], necks[stage + 3], size, depth, dilation))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/16, X/16)."""
        for layer in self.layer:
            hidden_states = layer(hidden_states)
        return hidden_states


def dilated(output_stride: int, stage: int) -> bool:
    """Whether the stage of a transformer (0, 1, 2) is dilated in place of halving its maps."""
    return stage >= {8: 1, 16: 2}.get(output_stride, 3)


class MobileViTPreTrainedModel(PreTrainedModel):
    """What all MobileViT classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = MobileViTConfig
    base_model_prefix = "mobilevit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer", outputs=True, entry=False, complete=False)}
    kind_starts = {nn.BatchNorm2d: start_batch_norm}
    _no_split_modules = ["MobileViTLayer"]
    config: Any


class MobileViTModel(MobileViTPreTrainedModel):
    """The stages without a head.

    Args:
        expand_output: widen the last states by one more convolution, and give their mean, `pooler_output`.
    """

    encoder_class: ClassVar[Any] = MobileViTEncoder

    def __init__(self, config: Any, expand_output: bool = True) -> None:
        super().__init__(config)
        self.expand_output = expand_output
        self.conv_stem = MobileViTConvLayer(config, config.num_channels, self.stem_width(config), 3, 2)
        self.encoder = self.encoder_class(config)
        self.add_last(config)

    def stem_width(self, config: Any) -> int:
        """The channels behind the stem."""
        width: int = config.neck_hidden_sizes[0]
        return width

    def add_last(self, config: Any) -> None:
        """Make what widens the last states."""
        if self.expand_output:
            self.conv_1x1_exp = MobileViTConvLayer(config, config.neck_hidden_sizes[5], config.neck_hidden_sizes[6], 1)

    def widened(self, x: Tensor) -> Tensor:
        """The last states."""
        output: Tensor = self.conv_1x1_exp(x)
        return output

    def get_input_embeddings(self) -> nn.Module:
        return self.conv_stem.convolution

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32), their mean `pooler_output` (B, D)."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x = self.encoder(self.conv_stem(pixels.to(self.conv_stem.convolution.weight.dtype)))
        if not self.expand_output:
            return BaseModelOutputWithPooling(last_hidden_state=x)
        x = self.widened(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=x.mean((-2, -1)))


class MobileViTForImageClassification(PooledImageClassifier, MobileViTPreTrainedModel):
    """MobileViT that labels an image by the mean of its last states."""

    backbone_class = MobileViTModel

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(config.classifier_dropout_prob)

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.neck_hidden_sizes[-1], config.num_labels)

    def pool(self, output: Any) -> Tensor:
        pooled: Tensor = self.dropout(output.pooler_output)
        return pooled


class MobileViTForSemanticSegmentation(MapHead, MobileViTPreTrainedModel):
    """MobileViT that labels each place of an image."""

    backbone_class = MobileViTModel

    def map_width(self) -> int:
        width: int = self.config.neck_hidden_sizes[-2]
        return width

"""The modules of MobileViT V2. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import PooledImageClassifier
from ...nn.alias import Alias
from ...nn.layer import Layer
from ..mobilevit.convolutions import InvertedResidual, MobileNetLayer, MobileViTConvLayer, divisible
from ..mobilevit.model import MobileViTModel, MobileViTPreTrainedModel, dilated
from ..mobilevit.segmentation import MapHead
from . import MobileViTV2Config

WIDTHS = (32, 64, 128, 256, 384, 512)  # of the stem and of each stage, where the multiplier is 1


def widths(config: MobileViTV2Config) -> list[int]:
    """The channels behind the stem and behind each stage."""
    stem, first, *others = (width * config.width_multiplier for width in WIDTHS)
    return [divisible(min(max(16, stem), 64), least=16), divisible(first, 16), *map(divisible, others)]


class MobileViTV2LinearSelfAttention(nn.Module):
    """relu(value) times one context, the sum of all keys weighed by a softmax of one number for each place; then a dense layer.

    States are (B, D, P, N): N patches, whose P places do not see each other.
    """

    def __init__(self, config: MobileViTV2Config, size: int) -> None:
        super().__init__()
        self.embed_dim = size
        self.qkv_proj = MobileViTConvLayer(config, size, 1 + 2 * size, 1, bias=True, normed=False, act=None)
        self.attn_dropout = nn.Dropout(config.attn_dropout)
        self.out_proj = MobileViTConvLayer(config, size, size, 1, bias=True, normed=False, act=None)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, P, N) -> the same shape."""
        query, key, value = self.qkv_proj(hidden_states).split((1, self.embed_dim, self.embed_dim), dim=1)
        weights = self.attn_dropout(query.softmax(dim=-1))
        context = (key * weights).sum(dim=-1, keepdim=True)
        output: Tensor = self.out_proj(value.relu() * context)
        return output


class MobileViTV2FFN(nn.Module):
    """conv2(act(conv1(x))), both of whose results lose some numbers in training."""

    def __init__(self, config: MobileViTV2Config, size: int, inner: int) -> None:
        super().__init__()
        self.conv1 = MobileViTConvLayer(config, size, inner, 1, bias=True, normed=False)
        self.dropout1 = nn.Dropout(config.ffn_dropout)
        self.conv2 = MobileViTConvLayer(config, inner, size, 1, bias=True, normed=False, act=None)
        self.dropout2 = nn.Dropout(config.ffn_dropout)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, P, N) -> the same shape."""
        output: Tensor = self.dropout2(self.conv2(self.dropout1(self.conv1(hidden_states))))
        return output


class MobileViTV2TransformerLayer(Layer):
    """x + attention(norm(x)), then x + ffn(norm(x))."""

    def __init__(self, config: MobileViTV2Config, size: int) -> None:
        super().__init__()
        self.layernorm_before = nn.GroupNorm(1, size, config.layer_norm_eps)
        self.attention = MobileViTV2LinearSelfAttention(config, size)
        self.dropout1 = nn.Dropout(0.0)  # as published, whatever the config says
        self.layernorm_after = nn.GroupNorm(1, size, config.layer_norm_eps)
        self.ffn = MobileViTV2FFN(config, size, int(config.ffn_multiplier * size) // 16 * 16)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, P, N) -> the same shape."""
        x = hidden_states + self.attention(self.layernorm_before(hidden_states))
        output: Tensor = x + self.ffn(self.layernorm_after(x))
        return output


class MobileViTV2Transformer(nn.Module):
    """The layers of one width."""

    def __init__(self, config: MobileViTV2Config, size: int, depth: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(MobileViTV2TransformerLayer(config, size) for _ in range(depth))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, P, N) -> the same shape."""
        for layer in self.layer:
            hidden_states = layer(hidden_states)
        return hidden_states


class MobileViTV2Layer(nn.Module):
    """A convolution that halves the maps, and what a transformer makes of what a convolution sees in them."""

    def __init__(self, config: MobileViTV2Config, stage: int, dilation: int) -> None:
        super().__init__()
        inner, outer = widths(config)[stage + 2 : stage + 4]
        size = divisible(config.base_attn_unit_dims[stage] * config.width_multiplier)
        stride, spread = (2, 1) if dilation == 1 else (1, dilation // 2)
        self.patch = config.patch_size
        self.downsampling_layer = InvertedResidual(config, inner, outer, stride, spread)
        self.conv_kxk = MobileViTConvLayer(config, outer, outer, config.conv_kernel_size, groups=outer)
        self.conv_1x1 = MobileViTConvLayer(config, outer, size, 1, normed=False, act=None)
        self.transformer = MobileViTV2Transformer(config, size, config.n_attn_blocks[stage])
        self.layernorm = nn.GroupNorm(1, size, config.layer_norm_eps)
        self.conv_projection = MobileViTConvLayer(config, size, outer, 1, act=None)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/2, X/2); rows and columns behind the last whole patch become 0 in the transformer."""
        x = self.conv_1x1(self.conv_kxk(self.downsampling_layer(features)))
        size, channels = x.shape[-2:], x.shape[1]
        x = F.unfold(x, self.patch, stride=self.patch).reshape(len(x), channels, self.patch**2, -1)
        x = self.layernorm(self.transformer(x)).flatten(1, 2)
        output: Tensor = self.conv_projection(F.fold(x, size, self.patch, stride=self.patch))
        return output


class MobileViTV2Encoder(nn.Module):
    """All stages."""

    gradient_checkpointing = Alias("layer.2.transformer.layer.0.gradient_checkpointing")

    def __init__(self, config: MobileViTV2Config) -> None:
        super().__init__()
        stem, first, second, *others = widths(config)
        self.layer = nn.ModuleList([MobileNetLayer(config, stem, first, 1, 1), MobileNetLayer(config, first, second, 2, 2)])
        dilation = 1
        for stage in range(len(others)):
            dilation = dilation * 2 if dilated(config.output_stride, stage) else dilation
            self.layer.append(MobileViTV2Layer(config, stage, dilation))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, Y/16, X/16)."""
        for layer in self.layer:
            hidden_states = layer(hidden_states)
        return hidden_states


class MobileViTV2PreTrainedModel(MobileViTPreTrainedModel):
    """What all MobileViT V2 classes share."""

    config_class = MobileViTV2Config
    base_model_prefix = "mobilevitv2"
    _no_split_modules = ["MobileViTV2Layer"]


class MobileViTV2Model(MobileViTV2PreTrainedModel, MobileViTModel):
    """The stages without a head.

    Args:
        expand_output: also give the mean of the last states, `pooler_output`.
    """

    encoder_class = MobileViTV2Encoder

    def stem_width(self, config: Any) -> int:
        return widths(config)[0]

    def add_last(self, config: Any) -> None:
        """Nothing widens the last states."""

    def widened(self, x: Tensor) -> Tensor:
        return x


class MobileViTV2ForImageClassification(PooledImageClassifier, MobileViTV2PreTrainedModel):
    """MobileViT V2 that labels an image by the mean of its last states."""

    backbone_class = MobileViTV2Model

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(widths(self.config)[-1], config.num_labels)


class MobileViTV2ForSemanticSegmentation(MapHead, MobileViTV2PreTrainedModel):
    """MobileViT V2 that labels each place of an image."""

    backbone_class = MobileViTV2Model

    def map_width(self) -> int:
        return widths(self.config)[-1]

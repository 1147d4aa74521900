"""The modules of ViT. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import BaseModelOutputWithPooling, MaskedImageModelingOutput
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed, recorded
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.patch_embeddings import ImageEmbeddings, PatchEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.block import Block
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.patches import check_pixels, grid, pair
from ...nn.pooling import FirstTokenPooler
from . import ViTConfig


class ViTPatchEmbeddings(PatchEmbeddings):
    """Each patch flattened and projected: one convolution whose stride is its width."""


class ViTEmbeddings(ImageEmbeddings):
    """The class token and the patches, some of them replaced by a mask token, plus learned positions."""

    patches_class = ViTPatchEmbeddings


class ViTSelfAttention(HasHeads):
    """Every patch looks at every patch."""

    query_name = "query"

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = size // config.num_attention_heads
        self.query = nn.Linear(size, size, bias=config.qkv_bias)
        self.key = nn.Linear(size, size, bias=config.qkv_bias)
        self.value = nn.Linear(size, size, bias=config.qkv_bias)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.query, self.key, self.value))
        return merge_heads(self.attend(query, key, value, mask))


class ViTOutput(nn.Module):
    """A dense layer and dropout, as each half of a block ends."""

    def __init__(self, size: int, config: ViTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.dense(x))
        return output


class ViTAttention(Block):
    """Self-attention and its output projection."""

    gives = "attentions"

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.attention = ViTSelfAttention(config)
        self.output = ViTOutput(config.hidden_size, config)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        output: Tensor = self.output(self.attention(x, mask))
        return output


class ViTIntermediate(nn.Module):
    """act(W x + b), the wide half of the MLP."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.dense(x))


class ViTLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.attention = ViTAttention(config)
        self.layernorm_before = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.intermediate = ViTIntermediate(config)
        self.output = ViTOutput(config.intermediate_size, config)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.attention(self.layernorm_before(x), mask)
        output: Tensor = x + self.output(self.intermediate(self.layernorm_after(x)))
        return output


class ViTEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(ViTLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class ViTPooler(FirstTokenPooler):
    """act(dense(x)) of the class token's state."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config.hidden_size, config.pooler_output_size, config.pooler_act)


class ViTPreTrainedModel(PreTrainedModel):
    """What all ViT classes share."""

    config_class = ViTConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["ViTEmbeddings", "ViTLayer"]
    _optional_parts = [r"(^|\.)pooler\.dense\.", r"(^|\.)embeddings\.mask_token$"]
    _keys_to_ignore_on_load_unexpected = [r"^(vit\.)?embeddings\.mask_token$"]
    config: ViTConfig


class ViTModel(ViTPreTrainedModel):
    """The encoder without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the class token's state through a dense layer.
        use_mask_token: allow `bool_masked_pos`.
    """

    _keys_to_ignore_on_load_unexpected = [*ViTPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\.dense\."]

    def __init__(self, config: ViTConfig, add_pooling_layer: bool = True, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = ViTEmbeddings(config, use_mask_token)
        self.encoder = ViTEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.pooler = ViTPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X). bool_masked_pos: (B, T-1), True where a patch is replaced by the mask token.
        interpolate_pos_encoding: take images of any size, with positions interpolated.
        attention_mask: (B, T), 0 for tokens to look away from; the class token comes first.
        """
        x = self.embeddings(pixel_values, bool_masked_pos, bool(interpolate_pos_encoding))
        x = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False))
        x = self.layernorm(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=None if self.pooler is None else self.pooler(x))


class ViTForImageClassification(ImageClassifier, ViTPreTrainedModel):
    """ViT that labels an image by its class token."""

    backbone_class = ViTModel
    backbone_options = {"add_pooling_layer": False}


class ViTForMaskedImageModeling(Headed, ViTPreTrainedModel):
    """ViT that paints masked patches, by one dense layer from a patch's state to its pixels (Xie et al. 2022, SimMIM)."""

    backbone_class = ViTModel
    backbone_options = {"add_pooling_layer": False, "use_mask_token": True}

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        stride = config.encoder_stride
        pixels = nn.Conv2d(config.hidden_size, stride**2 * config.num_channels, kernel_size=1)
        self.decoder = nn.Sequential(pixels, nn.PixelShuffle(stride))

    def forward(
        self, pixel_values: Tensor | None = None, bool_masked_pos: Tensor | None = None, **inputs: Any
    ) -> MaskedImageModelingOutput:
        """bool_masked_pos: (B, patches), True where masked; then `loss` is the mean absolute error of the masked pixels."""
        stride, patch = self.config.encoder_stride, self.config.patch_size
        if bool_masked_pos is not None and pair(patch) != (stride, stride):
            raise ConfigError(f"encoder_stride ({stride}) must be patch_size ({patch}) to paint masked patches")
        output = self.run_backbone(pixel_values, bool_masked_pos, **inputs)
        pixels = check_pixels(pixel_values, self.config.num_channels, patch, None)
        rows, columns = grid(pixels.shape[-2:], patch)
        patches = output.last_hidden_state[:, 1:].transpose(1, 2).unflatten(2, (rows, columns))
        painted, loss = self.decoder(patches), None
        if bool_masked_pos is not None:
            masked = bool_masked_pos.to(painted.dtype).view(-1, 1, rows, columns)
            masked = masked.repeat_interleave(stride, 2).repeat_interleave(stride, 3)
            targets = pixels[..., : rows * stride, : columns * stride]
            # The small number keeps the loss of an image without masked patches at zero.
            loss = ((painted - targets).abs() * masked).sum() / (masked.sum() + 1e-5) / self.config.num_channels
        return MaskedImageModelingOutput(loss=loss, reconstruction=painted, **recorded(output))

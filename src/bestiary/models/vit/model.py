"""The modules of ViT. Parameter names are the published ones."""

from typing import Any, ClassVar

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import BaseModelOutputWithPooling
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.heads.masked_image_modeling import MaskedImagePainter
from ...modeling.patch_attention import PatchAttention, PatchIntermediate, PatchOutput
from ...modeling.patch_config import PatchEncoderConfig, PooledPatchConfig
from ...modeling.patch_embeddings import ImageEmbeddings, PatchEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.patches import grid, pair
from ...nn.pooling import FirstTokenPooler
from . import ViTConfig


class ViTPatchEmbeddings(PatchEmbeddings):
    """Each patch flattened and projected: one convolution whose stride is its width."""


class ViTEmbeddings(ImageEmbeddings):
    """The class token and the patches, some of them replaced by a mask token, plus learned positions."""

    patches_class = ViTPatchEmbeddings


class ViTIntermediate(PatchIntermediate):
    """act(W x + b), the wide half of the MLP."""


class ViTLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)). Class attribute `attention_class`: that of the first half."""

    attention_class: ClassVar[type[PatchAttention]] = PatchAttention

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, eps = config.get("hidden_size"), config.get("layer_norm_eps")
        self.attention = self.attention_class(config)
        self.layernorm_before = nn.LayerNorm(size, eps)
        self.layernorm_after = nn.LayerNorm(size, eps)
        self.intermediate = ViTIntermediate(config)
        self.output = PatchOutput(config.get("intermediate_size"), config)

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        x = x + self.attention(self.layernorm_before(x), mask)
        output: Tensor = x + self.output(self.intermediate(self.layernorm_after(x)))
        return output


class ViTEncoder(nn.Module):
    """The stack of blocks. Class attribute `layer_class`: the block, built as `layer_class(config)`."""

    layer_class: ClassVar[type[ViTLayer]] = ViTLayer

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(self.layer_class(config) for _ in range(config.get("num_hidden_layers")))

    def forward(self, x: Tensor, mask: Mask) -> Tensor:
        for layer in self.layer:
            x = layer(x, mask)
        return x


class ViTPooler(FirstTokenPooler):
    """act(dense(x)) of the class token's state."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config.get("hidden_size"), config.get("pooler_output_size"), config.get("pooler_act"))


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
    config: PatchEncoderConfig


class ViTModel(ViTPreTrainedModel):
    """The encoder without a head.

    Class attributes: the classes of its parts.

    Args:
        add_pooling_layer: also give `pooler_output`, the class token's state through a dense layer.
        use_mask_token: allow `bool_masked_pos`.
    """

    _keys_to_ignore_on_load_unexpected = [*ViTPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\.dense\."]

    embeddings_class: ClassVar[type[ViTEmbeddings]] = ViTEmbeddings
    encoder_class: ClassVar[type[ViTEncoder]] = ViTEncoder
    pooler_class: ClassVar[type[ViTPooler]] = ViTPooler

    def __init__(self, config: PooledPatchConfig, add_pooling_layer: bool = True, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config, use_mask_token)
        self.encoder = self.encoder_class(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.pooler = self.pooler_class(config) if add_pooling_layer else None

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


class ViTForMaskedImageModeling(MaskedImagePainter, ViTPreTrainedModel):
    """ViT that paints masked patches, by one dense layer from a patch's state to its pixels (Xie et al. 2022, SimMIM)."""

    backbone_class = ViTModel
    backbone_options = {"add_pooling_layer": False, "use_mask_token": True}

    def states_in_rows(self, output: Any, size: tuple[int, int]) -> Tensor:
        rows, columns = grid(size, self.config.patch_size)
        patches: Tensor = output.last_hidden_state[:, -rows * columns :]
        return patches.transpose(1, 2).reshape(len(patches), -1, rows, columns)

    def check_strides(self) -> None:
        stride, patch = self.config.get("encoder_stride"), self.config.patch_size
        if pair(patch) != (stride, stride):
            raise ConfigError(f"encoder_stride ({stride}) must be patch_size ({patch}) to paint masked patches")

"""The modules of BEiT. Parameter names are the published ones of files, but for those of the head that labels places."""

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import BackboneOutput, BaseModelOutputWithPooling, MaskedLMOutput, SemanticSegmenterOutput
from ...loading.rules import rename
from ...modeling.backbone import PatchBackbone
from ...modeling.base import PreTrainedModel
from ...modeling.biased_patch_config import BiasedPatchConfig
from ...modeling.grid_bias import GridBias
from ...modeling.heads.headed import Headed, recorded
from ...modeling.heads.image_classification import PooledImageClassifier
from ...modeling.map_pyramid import add_pyramid, check_four, pyramid
from ...modeling.patch_attention import PatchAttention, PatchIntermediate, PatchOutput, PatchSelfAttention
from ...modeling.patch_embeddings import ImageEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...modeling.uper_head import FullyConvolutionalHead, UperHead, head_rules
from ...nn.init import Starting, constant
from ...nn.layer import Layer
from ...nn.losses import check_classes
from ...nn.masks import Mask, make_mask
from ...nn.patches import grid, required
from ...nn.stochastic_depth import StochasticDepth, rising_rates
from . import BeitConfig


class BeitEmbeddings(ImageEmbeddings):
    """The class token and the patches, some of them replaced by a mask token, with or without positions, of any size."""

    starts_at_zero = True

    def __init__(self, config: BiasedPatchConfig) -> None:
        super().__init__(config, config.use_mask_token)

    def forward(self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """(B, C, Y, X) and the masked patches (B, patches) -> (B, T, D)."""
        return super().forward(pixel_values, bool_masked_pos, interpolate_pos_encoding=True)


class BeitSelfAttention(PatchSelfAttention):
    """Every token looks at every token."""

    key_bias = False


class BeitAttention(PatchAttention):
    """Self-attention and its output projection."""

    attention_class = BeitSelfAttention


class BeitLayer(Starting, Layer):
    """x + scale1 * attention(norm(x)), then x + scale2 * mlp(norm(x)); training leaves out halves for some images."""

    attention_class: ClassVar[type[PatchAttention]] = BeitAttention

    def __init__(self, config: BiasedPatchConfig, rate: float) -> None:
        super().__init__()
        size, start = config.hidden_size, config.layer_scale_init_value
        self.attention = self.attention_class(config)
        self.layernorm_before = nn.LayerNorm(size, config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(size, config.layer_norm_eps)
        self.intermediate = PatchIntermediate(config)
        self.output = PatchOutput(config.intermediate_size, config)
        self.drop_path = StochasticDepth(rate)
        names = ("lambda_1", "lambda_2")
        for name in names:
            self.register_parameter(name, nn.Parameter(torch.zeros(size)) if start > 0 else None)
        self.starts = dict.fromkeys(names, constant(start)) if start > 0 else {}
        if config.use_relative_position_bias:
            self.add_bias(config)

    def add_bias(self, config: BiasedPatchConfig) -> None:
        """Make the biases of distances of this layer alone."""
        self.relative_position_bias = GridBias(config)

    def own_bias(self) -> GridBias | None:
        """The biases of distances of this layer alone, where the config wants such."""
        return cast(GridBias | None, self._modules.get("relative_position_bias"))

    def forward(self, x: Tensor, mask: Mask, *, rows: int, columns: int, bias: Tensor | None = None) -> Tensor:
        """States (B, T, D) of a grid of patches behind a class token. `bias`: on all scores (1, H, T, T), of all layers."""
        distances = self.own_bias()
        if distances is not None:
            bias = distances(rows, columns) if bias is None else distances(rows, columns) + bias
        attended = self.attention(self.layernorm_before(x), mask, bias=bias)
        x = x + self.drop_path(attended if self.lambda_1 is None else self.lambda_1 * attended)
        inner = self.output(self.intermediate(self.layernorm_after(x)))
        output: Tensor = x + self.drop_path(inner if self.lambda_2 is None else self.lambda_2 * inner)
        return output


class BeitEncoder(nn.Module):
    """The stack of blocks. Class attribute `layer_class`: the block, built as `layer_class(config, rate)`."""

    layer_class: ClassVar[type[BeitLayer]] = BeitLayer

    def __init__(self, config: BiasedPatchConfig) -> None:
        super().__init__()
        self.relative_position_bias = GridBias(config) if config.use_shared_relative_position_bias else None
        rates = rising_rates(config.drop_path_rate, config.num_hidden_layers)
        self.layer = nn.ModuleList(self.layer_class(config, rate) for rate in rates)

    def forward(self, x: Tensor, mask: Mask, rows: int, columns: int) -> list[Tensor]:
        """States (B, T, D) of a grid of patches behind a class token -> they and those behind each block."""
        shared = None if self.relative_position_bias is None else self.relative_position_bias(rows, columns)
        states = [x]
        for layer in self.layer:
            states.append(layer(states[-1], mask, rows=rows, columns=columns, bias=shared))
        return states


class BeitPooler(nn.Module):
    """The mean of all patches through a norm, or the class token's state."""

    def __init__(self, config: BiasedPatchConfig) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps) if config.use_mean_pooling else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, D)."""
        if self.layernorm is None:
            return hidden_states[:, 0]
        output: Tensor = self.layernorm(hidden_states[:, 1:].mean(1))
        return output


class BeitPreTrainedModel(PreTrainedModel):
    """What all BEiT classes share. Class attributes: the classes of the parts of its models."""

    config_class = BeitConfig
    base_model_prefix = "beit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    kernels = ("sdpa", "eager")
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["BeitLayer"]
    _weight_rules = (
        *head_rules("bn"),
        rename("layer.{}.attention.attention.relative_position_bias.{}", "layer.{}.relative_position_bias.{}"),
    )
    _optional_parts = [r"(^|\.)embeddings\.mask_token$", r"(^|\.)pooler\.layernorm\."]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"relative_position_index$",
    ]
    embeddings_class: ClassVar[type[BeitEmbeddings]] = BeitEmbeddings
    encoder_class: ClassVar[type[BeitEncoder]] = BeitEncoder
    pooler_class: ClassVar[type[BeitPooler]] = BeitPooler
    config: Any


class BeitModel(BeitPreTrainedModel):
    """The encoder without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the mean of all patches through a norm, or the class token's state.
    """

    def __init__(self, config: BiasedPatchConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.layernorm = nn.Identity() if config.use_mean_pooling else norm
        self.pooler = self.pooler_class(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def states(
        self, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> list[Tensor]:
        """The states (B, T, D) of the tokens, and those behind each block."""
        return encode(self, pixel_values, bool_masked_pos, attention_mask)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """Args:
        pixel_values: (B, C, Y, X), of any size. bool_masked_pos: (B, patches), True where a patch is replaced by the mask
            token. interpolate_pos_encoding: without effect, as published: positions always fit the size.
        attention_mask: (B, T), 0 for tokens to look away from; the class token comes first.
        """
        x = self.layernorm(self.states(pixel_values, bool_masked_pos, attention_mask)[-1])
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=None if self.pooler is None else self.pooler(x))


def encode(
    model: Any, pixel_values: Tensor | None, bool_masked_pos: Tensor | None = None, attention_mask: Tensor | None = None
) -> list[Tensor]:
    """The states (B, T, D) of all tokens of a `model` with embeddings and an encoder, and those behind each block."""
    x = model.embeddings(pixel_values, bool_masked_pos)
    size = grid(required(pixel_values).shape[-2:], model.config.patch_size)
    states: list[Tensor] = model.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False), *size)
    return states


class BeitForImageClassification(PooledImageClassifier, BeitPreTrainedModel):
    """BEiT that labels an image by the mean of its patches."""

    backbone_class = BeitModel


class BeitForMaskedImageModeling(Headed, BeitPreTrainedModel):
    """BEiT that names masked patches as words of its vocabulary."""

    backbone_class = BeitModel
    backbone_options = {"add_pooling_layer": False}

    def __init__(self, config: BeitConfig) -> None:
        super().__init__(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        bool_masked_pos: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool = False,
        attention_mask: Tensor | None = None,
    ) -> MaskedLMOutput:
        """labels: (M,), the words of all masked patches, image by image; the other inputs are those of `BeitModel`."""
        output = self.run_backbone(pixel_values, bool_masked_pos, attention_mask=attention_mask)
        logits, loss = self.lm_head(self.layernorm(output.last_hidden_state[:, 1:])), None
        if labels is not None:
            if bool_masked_pos is None or labels.shape != (count := int(bool_masked_pos.sum()),):
                expected = "with bool_masked_pos, True where masked" if bool_masked_pos is None else f"for {count} of these"
                raise InputError(f"labels have shape {tuple(labels.shape)}; expected a word for each masked patch, {expected}")
            masked = logits[bool_masked_pos.bool()].float()
            loss = nn.functional.cross_entropy(masked, check_classes(labels, self.config.vocab_size))
        return MaskedLMOutput(loss=loss, logits=logits, **recorded(output))


class BeitForSemanticSegmentation(Headed, BeitPreTrainedModel):
    """BEiT that labels each place of an image, from the states before the blocks in `config.out_indices`."""

    backbone_class = BeitModel
    backbone_options = {"add_pooling_layer": False}

    def __init__(self, config: BiasedPatchConfig) -> None:
        super().__init__(config)
        check_four(config)
        size, labels = config.hidden_size, config.num_labels
        add_pyramid(self, size)
        self.decode_head = UperHead([size] * 4, size, config.pool_scales, labels)
        count, joins = config.auxiliary_num_convs, config.auxiliary_concat_input
        auxiliary = FullyConvolutionalHead(size, config.auxiliary_channels, count, labels, joins)
        self.auxiliary_head = auxiliary if config.use_auxiliary_head else None

    def forward(
        self, pixel_values: Tensor | None = None, labels: Tensor | None = None, *, interpolate_pos_encoding: bool = False
    ) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X), of any size. labels: (B, Y, X), the class of each pixel.
        """
        if labels is not None and self.config.num_labels == 1:
            raise InputError("this model has one label (num_labels), so there is no loss; it needs two or more")
        model: Any = self.base_model
        states = model.states(pixel_values)
        rows, columns = grid(required(pixel_values).shape[-2:], self.config.patch_size)
        # Published files were trained so: an index names the state before its block.
        chosen = (states[index - 1][:, 1:] for index in self.config.out_indices)
        maps = pyramid(self, [x.transpose(1, 2).unflatten(2, (rows, columns)) for x in chosen])
        logits, loss, ignored = self.decode_head(maps), None, self.config.semantic_loss_ignore_index
        second = (
            self.auxiliary_head(maps[2]) if self.auxiliary_head is not None and (self.training or labels is not None) else None
        )
        if labels is not None:
            loss = self.loss_function(
                logits,
                labels,
                ignore_index=ignored,
                auxiliary_logits=second,
                auxiliary_loss_weight=self.config.auxiliary_loss_weight,
            )
        return SemanticSegmenterOutput(loss=loss, logits=logits)


class BeitBackbone(BeitPreTrainedModel, PatchBackbone):
    """BEiT whose output is the maps of the blocks in `config.out_features`, of four finenesses with `config.add_fpn`."""

    def __init__(self, config: BeitConfig) -> None:
        super().__init__(config)
        self.embeddings = self.embeddings_class(config)
        self.encoder = self.encoder_class(config)
        if config.add_fpn:
            check_four(config)
            add_pyramid(self, config.hidden_size)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BackboneOutput:
        """pixel_values: (B, C, Y, X), of any size."""
        output = self.token_maps(encode(self, pixel_values), pixel_values, 1, nn.Identity())
        if self.config.add_fpn:
            output.feature_maps = tuple(pyramid(self, output.feature_maps or ()))
        return output

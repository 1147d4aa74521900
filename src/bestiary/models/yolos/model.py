"""The modules of YOLOS. Parameter names are those of published files."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPooling, ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.heads.object_detection import BoxHead, ObjectDetection
from ...modeling.patch_embeddings import PatchEmbeddings
from ...modeling.recording import Stack
from ...nn.init import Starting, constant
from ...nn.masks import Mask, make_mask
from ...nn.part_order import put_last
from ...nn.patches import check_pixels, grid, stretch
from ...nn.pooling import FirstTokenPooler
from ..vit.model import ViTLayer
from . import YolosConfig


@dataclass
class YolosObjectDetectionOutput(ModelOutput):
    """`logits` (B, Q, N+1), the last class being "no object"; `pred_boxes` (B, Q, 4), centers in 0..1 of the image.

    `loss_dict` holds the parts of `loss` by name; `last_hidden_state` (B, T, D) is that of all tokens.
    """

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    auxiliary_outputs: list[dict[str, Tensor]] | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


def stretched(table: Tensor, config: YolosConfig, height: int, width: int) -> Tensor:
    """Positions (T, D) of a class token, patches and detection tokens, those of the patches for an image of this size."""
    trained, target = grid(config.image_size, config.patch_size), grid((height, width), config.patch_size)
    places, detection = table[: -config.num_detection_tokens], table[-config.num_detection_tokens :]
    return torch.cat((stretch(places, trained, target, precise=False), detection))


class YolosEmbeddings(Starting):
    """The class token, the patches and the detection tokens, plus learned positions."""

    def __init__(self, config: YolosConfig) -> None:
        super().__init__()
        size, count = config.hidden_size, config.num_detection_tokens
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.detection_tokens = nn.Parameter(torch.zeros(1, count, size))
        rows, columns = grid(config.image_size, config.patch_size)
        self.position_embeddings = nn.Parameter(torch.zeros(1, rows * columns + count + 1, size))
        self.patch_embeddings = PatchEmbeddings(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        names = ("cls_token", "detection_tokens", "position_embeddings")
        self.starts = dict.fromkeys(names, constant(0.0))

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, T, D)."""
        patches = self.patch_embeddings(pixel_values)
        first, last = (each.expand(len(patches), -1, -1) for each in (self.cls_token, self.detection_tokens))
        x = torch.cat((first, patches, last), dim=1)
        output: Tensor = self.dropout(x + stretched(self.position_embeddings[0], self.config, *pixel_values.shape[2:]))
        return output


class YolosMidPositions(Starting):
    """Tables of positions that are added behind the blocks."""

    def __init__(self, config: YolosConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = grid(config.image_size, config.patch_size)
        shape = max(config.num_hidden_layers - 1, 0), 1, rows * columns + config.num_detection_tokens + 1, config.hidden_size
        self.mid_position_embeddings = nn.Parameter(torch.zeros(shape))
        self.starts = {"mid_position_embeddings": constant(0.0)}

    def forward(self, layer: int, height: int, width: int) -> Tensor:
        """The table (T, D) behind the block of this number, for images of this size."""
        return stretched(self.mid_position_embeddings[layer, 0], self.config, height, width)


class YolosLayer(ViTLayer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: YolosConfig) -> None:
        super().__init__(config)
        put_last(self, "layernorm_before", "layernorm_after")


class YolosEncoder(nn.Module):
    """The stack of blocks, with positions added between them."""

    def __init__(self, config: YolosConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(YolosLayer(config) for _ in range(config.num_hidden_layers))
        self.interpolation = YolosMidPositions(config) if config.use_mid_position_embeddings else None

    def forward(self, x: Tensor, mask: Mask, height: int, width: int) -> Tensor:
        """States (B, T, D) of an image of `height` and `width` -> (B, T, D)."""
        for number, layer in enumerate(self.layer):
            x = layer(x, mask)
            if self.interpolation is not None and number < len(self.layer) - 1:
                x = x + self.interpolation(number, height, width)
        return x


class YolosPooler(FirstTokenPooler):
    """tanh(dense(x)) of the class token's state."""

    def __init__(self, config: YolosConfig) -> None:
        super().__init__(config.hidden_size, config.hidden_size, "tanh")


class YolosPreTrainedModel(PreTrainedModel):
    """What all YOLOS classes share."""

    config_class = YolosConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer", outputs=True)}
    _no_split_modules = ["YolosEmbeddings", "YolosLayer"]
    _weight_rules = (rename("encoder.mid_position_embeddings", "encoder.interpolation.mid_position_embeddings"),)
    _optional_parts = [r"(^|\.)pooler\.dense\."]
    config: YolosConfig


class YolosModel(YolosPreTrainedModel):
    """The encoder without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the class token's state through a dense layer.
    """

    _keys_to_ignore_on_load_unexpected = [r"^pooler\.dense\."]

    def __init__(self, config: YolosConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = YolosEmbeddings(config)
        self.encoder = YolosEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.pooler = YolosPooler(config) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutputWithPooling:
        """pixel_values: (B, C, Y, X), of any size."""
        pixels = check_pixels(pixel_values, self.config.num_channels, self.config.patch_size, None)
        x = self.embeddings(pixels)
        x = self.encoder(x, make_mask(x.shape[1], x.device, None, causal=False), *pixels.shape[2:])
        x = self.layernorm(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=None if self.pooler is None else self.pooler(x))


class YolosMLPPredictionHead(BoxHead):
    """Dense layers with ReLU between them."""


class YolosForObjectDetection(ObjectDetection[YolosObjectDetectionOutput], YolosPreTrainedModel):
    """YOLOS that names the objects in an image, with a box around each."""

    backbone_class = YolosModel
    backbone_options = {"add_pooling_layer": False}
    box_head_class = YolosMLPPredictionHead
    output_class = YolosObjectDetectionOutput
    width_name = "hidden_size"

    def make_classifier(self, size: int, classes: int) -> nn.Module:
        return YolosMLPPredictionHead([size, size, size, classes])

    def queries(self, output: Any) -> Tensor:
        states: Tensor = output.last_hidden_state
        return states[:, -self.config.num_detection_tokens :]

    def forward(  # type: ignore[override]  # images have no mask here
        self, pixel_values: Tensor | None = None, *, labels: Any = None
    ) -> YolosObjectDetectionOutput:
        """labels: of each image a dictionary with `class_labels` (M,) and `boxes` (M, 4), centers in 0..1."""
        output: YolosObjectDetectionOutput = self.objects(self.run_backbone(pixel_values), labels)
        return output

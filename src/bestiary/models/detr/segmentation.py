"""DETR that draws a mask for each object: attention over the image says where it is, convolutions refine it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import ModelOutput, Tensors
from ...modeling.detector_config import DetectorConfig
from ...modeling.heads.object_detection import ObjectDetection
from ...modeling.heads.object_masks import AttentionMap, MaskHead
from .model import DetrForObjectDetection, DetrPreTrainedModel


@dataclass
class DetrSegmentationOutput(ModelOutput):
    """`DetrObjectDetectionOutput` with `pred_masks` (B, Q, Y/4, X/4), logits."""

    loss: Tensor | None = None
    loss_dict: dict[str, Tensor] | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None
    pred_masks: Tensor | None = None
    auxiliary_outputs: list[dict[str, Tensor]] | None = None
    last_hidden_state: Tensor | None = None
    decoder_hidden_states: Tensors | None = None
    decoder_attentions: Tensors | None = None
    cross_attentions: Tensors | None = None
    encoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: Tensors | None = None
    encoder_attentions: Tensors | None = None


class DetrMHAttentionMap(AttentionMap):
    """Where each query looks: probabilities over all heads and places together."""


class DetrMaskHead(MaskHead):
    """Five convolutions; before each of the last three the map of an earlier, larger stage of the backbone is added."""


class DetrForSegmentation(DetrPreTrainedModel):
    """DETR that also gives each object a mask. The backbone needs four stages with maps.

    Class attributes: the classes of its parts and of its output; `detector_name`: where the detector is.
    """

    detector_class: ClassVar[type[ObjectDetection[Any]]] = DetrForObjectDetection
    detector_name: ClassVar[str] = "detr"
    mask_head_class: ClassVar[type[MaskHead]] = DetrMaskHead
    attention_map_class: ClassVar[type[AttentionMap]] = DetrMHAttentionMap
    output_class: ClassVar[type[DetrSegmentationOutput]] = DetrSegmentationOutput

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        self.add_module(self.detector_name, self.detector_class(config))
        size, heads = config.d_model, config.encoder_attention_heads
        backbone: Any = self.base_model.get_submodule("backbone.conv_encoder.model")
        channels: list[int] = backbone.channels
        if len(channels) < 4 or size % 16 or (size + heads) % 8:
            raise ConfigError(
                f"{type(self).__name__} needs maps of four stages (out_features gives {len(channels)}), a d_model ({size}) that"
                f" is a multiple of 16, and a sum of it and encoder_attention_heads ({heads}) that is one of 8"
            )
        self.mask_head = self.mask_head_class(size, heads, channels[-2::-1][:3])
        start = lambda weight: nn.init.xavier_uniform_(weight, gain=config.init_xavier_std)  # noqa: E731
        self.bbox_attention = self.attention_map_class(size, heads, start)

    @property
    def detector(self) -> Any:
        """The model without masks."""
        return self._modules[self.detector_name]

    @property
    def base_model(self) -> nn.Module:
        """The model without its heads."""
        model: nn.Module = self.detector.base_model
        return model

    def seen(self, output: Any) -> Any:
        """The base model's output as boxes are made of it."""
        return output

    def forward(
        self, pixel_values: Tensor | None = None, pixel_mask: Tensor | None = None, *, labels: Any = None, **inputs: Any
    ) -> DetrSegmentationOutput:
        """labels: as of `DetrForObjectDetection`, with `masks` (M, Y, X) of the image's size."""
        model: Any = self.base_model
        maps = model.feature_maps(pixel_values, pixel_mask)
        output = model(maps=maps, return_dict=True, **inputs)
        feature, real = maps[-1]
        queries, places = output.last_hidden_state, output.encoder_last_hidden_state
        where = self.bbox_attention(queries, places, real.flatten(1)).unflatten(-1, real.shape[1:])
        projected = model.input_projection(feature).unsqueeze(1).expand(-1, queries.shape[1], -1, -1, -1)
        larger = [each for each, _ in maps[-2::-1][:3]]
        drawn = self.mask_head(torch.cat((projected, where), dim=2).flatten(0, 1), larger)
        masks = drawn.view(*queries.shape[:2], *drawn.shape[-2:])
        result: DetrSegmentationOutput = self.detector.objects(
            self.seen(output), labels, self.output_class, masks, self.loss_function
        )
        result.pred_masks = masks
        return result

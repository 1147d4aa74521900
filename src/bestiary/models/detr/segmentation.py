"""DETR that draws a mask for each object: attention over the image says where it is, convolutions refine it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import ModelOutput, Tensors
from ...nn.init import Start, Starting
from ...nn.kernels import default_scaling
from . import DetrConfig
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


class DetrMHAttentionMap(Starting):
    """Where each query looks: probabilities over all heads and places together."""

    def __init__(self, size: int, heads: int, start: Start) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, size // heads
        self.scaling = default_scaling(self.head_dim)
        self.q_linear, self.k_linear = nn.Linear(size, size), nn.Linear(size, size)
        self.starts = {"q_linear.weight": start, "k_linear.weight": start}

    def forward(self, queries: Tensor, places: Tensor, real: Tensor) -> Tensor:
        """Queries (B, Q, D), places (B, T, D) and which of them are real (B, T) -> (B, Q, H, T)."""
        q, k = (x.unflatten(-1, (self.heads, -1)) for x in (self.q_linear(queries), self.k_linear(places)))
        scores = torch.einsum("bqhk,bthk->bqht", q * self.scaling, k)
        scores = scores.masked_fill(~real[:, None, None], torch.finfo(scores.dtype).min)
        return scores.flatten(2).softmax(-1).view_as(scores)


class DetrMaskHead(nn.Module):
    """Five convolutions; before each of the last three the map of an earlier, larger stage of the backbone is added."""

    def __init__(self, size: int, heads: int, channels: list[int]) -> None:
        super().__init__()
        widths = [size + heads, size + heads, size // 2, size // 4, size // 8, size // 16]
        for number in range(1, 6):
            inner, outer = widths[number - 1], widths[number]
            setattr(self, f"lay{number}", nn.Conv2d(inner, outer, 3, padding=1))
            setattr(self, f"gn{number}", nn.GroupNorm(min(8, outer), outer))
        for number, inner in enumerate(channels, start=1):
            setattr(self, f"adapter{number}", nn.Conv2d(inner, widths[number + 1], 1))
        self.out_lay = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor, stages: list[Tensor]) -> Tensor:
        """(B * Q, D + H, y, x) and larger maps (B, C, 2y, 2x), ... -> (B * Q, 1, 8y, 8x)."""
        for number in range(1, 6):
            if number > 2:
                larger = self.get_submodule(f"adapter{number - 2}")(stages[number - 3])
                x = nn.functional.interpolate(x, size=larger.shape[-2:], mode="nearest")
                x = x + larger.repeat_interleave(len(x) // len(larger), 0)
            x = self.get_submodule(f"gn{number}")(self.get_submodule(f"lay{number}")(x)).relu()
        output: Tensor = self.out_lay(x)
        return output


class DetrForSegmentation(DetrPreTrainedModel):
    """DETR that also gives each object a mask. The backbone needs four stages with maps."""

    def __init__(self, config: DetrConfig) -> None:
        super().__init__(config)
        self.detr = DetrForObjectDetection(config)
        size, heads = config.d_model, config.encoder_attention_heads
        backbone: Any = self.detr.base_model.get_submodule("backbone.conv_encoder.model")
        channels: list[int] = backbone.channels
        if len(channels) < 4 or size % 16 or (size + heads) % 8:
            raise ConfigError(
                f"DetrForSegmentation needs maps of four stages (out_features gives {len(channels)}), a d_model ({size}) that"
                f" is a multiple of 16, and a sum of it and encoder_attention_heads ({heads}) that is one of 8"
            )
        self.mask_head = DetrMaskHead(size, heads, channels[-2::-1][:3])
        start = lambda weight: nn.init.xavier_uniform_(weight, gain=config.init_xavier_std)  # noqa: E731
        self.bbox_attention = DetrMHAttentionMap(size, heads, start)

    @property
    def base_model(self) -> nn.Module:
        """The model without its heads."""
        return self.detr.base_model

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
        result: DetrSegmentationOutput = self.detr.objects(
            output, labels, DetrSegmentationOutput, None if labels is None else masks
        )
        result.pred_masks = masks
        return result

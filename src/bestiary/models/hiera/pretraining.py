"""Hiera that paints the units it did not see (Ryali et al. 2023; He et al. 2022, "Masked autoencoders")."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.heads.headed import Headed
from ...nn.init import Starting, truncated_normal
from ...nn.patches import check_pixels
from . import HieraConfig
from .model import HieraLayer, HieraModel, HieraPreTrainedModel, HieraStage, unit_grid


@dataclass
class HieraForPreTrainingOutput(ModelOutput):
    """`logits` (B, T, pixels) of all tokens of the last stage; `bool_masked_pos` (B, T) is True where one was seen."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    bool_masked_pos: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    reshaped_hidden_states: Tensors | None = None


def last_unit(config: HieraConfig) -> tuple[int, int]:
    """Rows and columns of a unit in the last stage."""
    rows, columns = (
        unit // stride**config.num_query_pool for unit, stride in zip(config.masked_unit_size, config.query_stride, strict=True)
    )
    return rows, columns


class HieraMultiScaleHead(nn.Module):
    """The sum of what convolutions make of the units behind each stage that is pooled, and of the last one."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        width = config.width(len(config.depths) - 1)
        self.multi_scale_fusion_heads = nn.ModuleList()
        for number in range(config.num_query_pool):
            kernel = tuple(stride ** (config.num_query_pool - number) for stride in config.query_stride)
            self.multi_scale_fusion_heads.append(nn.Conv2d(config.width(number), width, kernel, stride=kernel))
        self.multi_scale_fusion_heads.append(nn.Identity())

    def forward(self, feature_maps: list[Tensor]) -> Tensor:
        """Units (B, N, y, x, C) of each finer stage and of the last -> (B, N, y, x, D) of the last."""
        total: Any = 0
        for look, units in zip(self.multi_scale_fusion_heads, feature_maps, strict=True):
            if isinstance(look, nn.Identity):
                total = total + units
            else:
                fused = look(units.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
                total = total + fused.unflatten(0, units.shape[:2])
        output: Tensor = total
        return output


class HieraDecoder(Starting):
    """All tokens of an image, painted from those of the units that were seen."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.config = config
        size = config.decoder_hidden_size or 512
        grid = [count // stride**config.num_query_pool for count, stride in zip(config.grid, config.query_stride, strict=True)]
        pixels = config.patch_stride[-1] * config.query_stride[-1] ** config.num_query_pool
        self.decoder_embeddings = nn.Linear(config.width(len(config.depths) - 1), size)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size))
        self.decoder_position_embeddings = nn.Parameter(torch.zeros(1, math.prod(grid), size))
        self.decoder_block = HieraStage(
            HieraLayer(config, size, size, config.decoder_num_heads or 16, 0.0, (1, 1), 0)
            for _ in range(config.decoder_depth or 8)
        )
        self.decoder_norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.decoder_pred = nn.Linear(size, pixels**2 * config.num_channels)
        start = truncated_normal(config.initializer_range, 2.0)
        self.starts = {"mask_token": start, "decoder_position_embeddings": start}

    def forward(self, encoder_hidden_states: Tensor, bool_masked_pos: Tensor) -> tuple[Tensor, Tensor]:
        """Units (B, N, y, x, D) that were seen, True in (B, units) -> pixels (B, T, P) of all tokens; where these were seen."""
        x = self.decoder_embeddings(encoder_hidden_states)
        size, kept = x.shape[2:4], bool_masked_pos
        tokens = self.mask_token.to(x.dtype).expand(*kept.shape, -1)[:, :, None, None].repeat(1, 1, *size, 1)
        tokens[kept] = x.flatten(0, 1)
        tokens = spread_out(tokens, unit_grid(self.config)) + self.decoder_position_embeddings
        seen = spread_out(kept[:, :, None, None, None].expand(-1, -1, *size, 1), unit_grid(self.config)).squeeze(-1)
        x = self.decoder_block(tokens[:, :, None, None]).flatten(1, 3)
        return self.decoder_pred(self.decoder_norm(x)), seen


def spread_out(units: Tensor, grid: tuple[int, int]) -> Tensor:
    """Units (B, Y * X, y, x, D) in their grid of Y x X, as the tokens of a map row by row (B, T, D)."""
    in_grid: Tensor = units.unflatten(1, grid)
    return in_grid.transpose(2, 3).flatten(1, 4)


class HieraForPreTraining(Headed, HieraPreTrainedModel):
    """Hiera that paints the units that it did not see."""

    backbone_class = HieraModel
    backbone_options = {"add_pooling_layer": False, "is_mae": True}

    def __init__(self, config: HieraConfig) -> None:
        super().__init__(config)
        self.encoder_norm = nn.LayerNorm(config.width(len(config.depths) - 1), config.layer_norm_eps)
        self.multiscale_fusion = HieraMultiScaleHead(config)
        self.decoder = HieraDecoder(config)

    def get_pixel_label_2d(self, pixel_values: Tensor, bool_masked_pos: Tensor) -> Tensor:
        """The pixels (M, P) of the tokens that are True in (B, T), maybe normalised."""
        side = self.config.patch_stride[-1] * self.config.query_stride[-1] ** self.config.num_query_pool
        pixels = pixel_values.permute(0, 2, 3, 1).unfold(1, side, side).unfold(2, side, side)
        target = pixels.flatten(1, 2).flatten(2)[bool_masked_pos]
        if self.config.normalize_pixel_loss:
            mean, variance = target.mean(dim=-1, keepdim=True), target.var(dim=-1, keepdim=True)
            target = (target - mean) / (variance + 1e-6).sqrt()
        return target

    def forward_loss(self, pixel_values: Tensor, logits: Tensor, bool_masked_pos: Tensor) -> Tensor:
        """The mean squared error of pixels (B, T, P) of the tokens that were not seen, False in (B, T)."""
        return (logits[~bool_masked_pos] - self.get_pixel_label_2d(pixel_values, ~bool_masked_pos)).square().mean()

    def forward(
        self, pixel_values: Tensor | None = None, noise: Tensor | None = None, *, interpolate_pos_encoding: bool | None = None
    ) -> HieraForPreTrainingOutput:
        """The inputs are those of `HieraModel`; `loss` is that of `forward_loss`."""
        model: Any = self.base_model
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        states, kept, places = model.states(pixels, noise, bool(interpolate_pos_encoding))
        units = [self.map_of(state, number, is_whole=False) for number, state in enumerate(states)]
        chosen = [*units[1 : self.config.num_query_pool + 1], units[-1]]
        x = self.encoder_norm(self.multiscale_fusion(chosen))
        logits, seen = self.decoder(x, kept)
        loss = self.forward_loss(pixels, logits, seen)
        return HieraForPreTrainingOutput(loss=loss, logits=logits, bool_masked_pos=seen, ids_restore=places)

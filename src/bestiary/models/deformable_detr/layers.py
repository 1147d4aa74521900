"""Encoder and decoder of Deformable DETR. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ...modeling.detector import DetectorEncoderLayer, DetectorLayer
from ...modeling.detector_config import DetectorConfig
from ...nn.boxes import inverse_sigmoid
from ...nn.deformable_attention import DeformableAttention, MapSizes
from ...nn.layer import skipped
from ...nn.map_points import place_points
from ...nn.masks import Mask
from ...nn.part_order import put_last


class DeformableDetrMultiscaleDeformableAttention(DeformableAttention):
    """Attention to a few places of every map."""


def _attention(config: Any, heads: int, points: int, cross: bool) -> DeformableDetrMultiscaleDeformableAttention:
    return DeformableDetrMultiscaleDeformableAttention(config.d_model, heads, [points] * config.num_feature_levels, cross=cross)


class DeformableDetrEncoderLayer(DetectorEncoderLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""

    @staticmethod
    def attention_class(config: DetectorConfig, heads: int) -> nn.Module:  # type: ignore[override]
        return _attention(config, heads, config.get("encoder_n_points"), cross=False)

    def forward(  # type: ignore[override]  # of which places are real, not a mask of pairs
        self, x: Tensor, real: Tensor, *, positions: Tensor, points: Tensor, sizes: MapSizes
    ) -> Tensor:
        look = lambda x: self.self_attn(x + positions, x, points, sizes, real)  # noqa: E731
        x = self.mlp(self.residual(x, self.self_attn_layer_norm, look))
        if self.training and not x.isfinite().all():
            limit = torch.finfo(x.dtype).max - 1000
            x = x.clamp(min=-limit, max=limit)
        return x


class DeformableDetrEncoder(nn.Module):
    """The stack of layers over the places of all maps."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        heads, inner = config.encoder_attention_heads, config.encoder_ffn_dim
        self.dropout, self.layerdrop = config.dropout, config.encoder_layerdrop
        self.layers = nn.ModuleList(DeformableDetrEncoderLayer(config, heads, inner) for _ in range(config.encoder_layers))

    def forward(self, x: Tensor, real: Tensor, positions: Tensor, sizes: MapSizes, shares: Tensor) -> Tensor:
        """States (B, S, D) of all maps of such `sizes`, which are `real` (B, S), and their positions -> (B, S, D).

        `shares` (B, L, 2) is what is no padding of columns and rows of each map.
        """
        points = (place_points(sizes, shares)[:, :, None] * shares[:, None]).to(x.dtype)
        x = dropout(x, self.dropout, self.training)
        for layer in self.layers:
            if not skipped(self.layerdrop, self.training):
                x = layer(x, real, positions=positions, points=points, sizes=sizes)
        return x


class DeformableDetrDecoderLayer(DetectorLayer):
    """norm(x + attention(x)), norm(x + attention to places of the maps), then norm(x + mlp(x))."""

    def __init__(self, config: DetectorConfig, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        self.encoder_attn = _attention(config, heads, config.get("decoder_n_points"), cross=True)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model)
        put_last(self, "fc1", "fc2", "final_layer_norm")

    def forward(
        self, x: Tensor, mask: Mask, *, positions: Tensor, points: Tensor, memory: Tensor, sizes: MapSizes, real: Tensor
    ) -> Tensor:
        x = self.attention(x, mask, positions)
        look = lambda x: self.encoder_attn(x + positions, memory, points, sizes, real)  # noqa: E731
        return self.mlp(self.residual(x, self.encoder_attn_layer_norm, look))


class DeformableDetrDecoder(nn.Module):
    """The stack of layers over the queries; where it has `bbox_embed`, each layer moves their boxes."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        heads, inner = config.decoder_attention_heads, config.decoder_ffn_dim
        self.dropout = config.dropout
        self.layers = nn.ModuleList(DeformableDetrDecoderLayer(config, heads, inner) for _ in range(config.decoder_layers))

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        *,
        positions: Tensor,
        reference: Tensor,
        memory: Tensor,
        sizes: MapSizes,
        shares: Tensor,
        real: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """States (B, Q, D), points or boxes `reference` (B, Q, 2 or 4) -> states and references behind each layer,
        (B, L, Q, D) and (B, L, Q, 2 or 4)."""
        states, references, refine = [], [], self._modules.get("bbox_embed")
        for number, layer in enumerate(self.layers):
            points = reference[:, :, None] * shares.repeat(1, 1, reference.shape[-1] // 2)[:, None]
            x = layer(x, mask, positions=positions, points=points, memory=memory, sizes=sizes, real=real)
            if refine is not None:
                reference = moved(refine.get_submodule(str(number))(x), reference).sigmoid().detach()
            states.append(x)
            references.append(reference)
        return torch.stack(states, dim=1), torch.stack(references, dim=1)


def moved(change: Tensor, reference: Tensor) -> Tensor:
    """Numbers whose sigmoids are boxes (..., 4): `change`, from boxes or points `reference` (..., 2 or 4)."""
    known = inverse_sigmoid(reference)
    if reference.shape[-1] == 4:
        return change + known
    return torch.cat((change[..., :2] + known, change[..., 2:]), dim=-1)

"""Decoders whose layers look at a few places of maps, and move the boxes that the next layer looks at.

Zhu et al. 2021 ("Deformable DETR"), section 4.2 and appendix A.4. Parameter names are the published ones.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..nn.alias import Alias
from ..nn.boxes import inverse_sigmoid
from ..nn.deformable_attention import DeformableAttention, MapSizes
from ..nn.masks import Mask
from ..nn.part_order import put_last
from .detector import DetectorLayer
from .heads.object_detection import BoxHead


def points_of(config: Any, points: Any) -> list[int]:
    """How many places a head looks at in each map: as many in all, or as the config lists them."""
    return [points] * config.num_feature_levels if isinstance(points, int) else list(points)


class DeformableDecoderLayer(DetectorLayer):
    """norm(x + attention(x)), norm(x + attention to places of the maps), then norm(x + mlp(x))."""

    deformable_class: ClassVar[type[DeformableAttention]] = DeformableAttention

    def __init__(self, config: Any, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        self.encoder_attn = self.make_attention(config, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model, config.get("layer_norm_eps", 1e-5))
        put_last(self, "fc1", "fc2", "final_layer_norm")

    def make_attention(self, config: Any, heads: int) -> DeformableAttention:
        """The attention to places of the maps."""
        return self.deformable_class(
            config.d_model,
            heads,
            points_of(config, config.decoder_n_points),
            cross=True,
            nearest=config.get("decoder_method") == "discrete",
            offset_scale=config.get("decoder_offset_scale", 0.5),
        )

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        *,
        positions: Tensor,
        points: Tensor,
        memory: Tensor,
        sizes: MapSizes,
        real: Tensor | None = None,
    ) -> Tensor:
        x = self.attention(x, mask, positions)
        look = lambda x: self.encoder_attn(x + positions, memory, points, sizes, real)  # noqa: E731
        return self.mlp(self.residual(x, self.encoder_attn_layer_norm, look))


class RefiningLayer(DeformableDecoderLayer):
    """The same with the activation that configs name for decoders."""

    activation_name = "decoder_activation_function"


class RefiningDecoder(nn.Module):
    """The stack of layers over queries; with the heads `class_embed` and `bbox_embed` each moves their boxes.

    Class attributes: the classes of its layers and of the heads of boxes.
    """

    dropout = Alias("config.dropout")
    layer_class: ClassVar[type[DeformableDecoderLayer]] = RefiningLayer
    box_head_class: ClassVar[type[BoxHead]] = BoxHead

    def __init__(self, config: Any) -> None:
        super().__init__()
        heads, inner, size = config.decoder_attention_heads, config.decoder_ffn_dim, config.d_model
        self.layers = nn.ModuleList(self.layer_class(config, heads, inner) for _ in range(config.decoder_layers))
        self.query_pos_head = self.box_head_class([4, 2 * size, size])

    @classmethod
    def make_heads(cls, config: Any) -> tuple[nn.ModuleList, nn.ModuleList]:
        """What tells classes, and what boxes, behind every layer, which models without a head of their own lack."""
        size, layers = config.d_model, range(config.decoder_layers)
        classes = nn.ModuleList(nn.Linear(size, config.num_labels) for _ in layers)
        return classes, nn.ModuleList(cls.box_head_class([size, size, size, 4]) for _ in layers)

    def forward(self, x: Tensor, mask: Mask, boxes: Tensor, memory: Tensor, sizes: MapSizes) -> dict[str, Any]:
        """States (B, Q, D), their boxes (B, Q, 4) as numbers whose sigmoids they are, and the places of all maps (B, S, D) ->
        what the output of the model holds of all layers, (B, L, Q, ...), by name."""
        logits: tuple[Tensor, ...]
        reference, told = boxes.sigmoid(), []
        classifiers, movers = self._modules.get("class_embed"), self._modules.get("bbox_embed")
        for number, layer in enumerate(self.layers):
            positions = self.query_pos_head(reference)
            x = layer(x, mask, positions=positions, points=reference[:, :, None], memory=memory, sizes=sizes)
            moved, logits = reference, ()
            if classifiers is not None and movers is not None:
                moved = (movers.get_submodule(str(number))(x) + inverse_sigmoid(reference)).sigmoid()
                logits = (classifiers.get_submodule(str(number))(x),)
                reference = moved.detach()
            told.append((x, moved, *logits))
        states, references, *classes = (torch.stack(each, dim=1) for each in zip(*told, strict=True))
        return {
            "last_hidden_state": x,
            "intermediate_hidden_states": states,
            "intermediate_reference_points": references,
            "intermediate_logits": classes[0] if classes else (),
        }

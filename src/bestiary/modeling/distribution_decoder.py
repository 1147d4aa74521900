"""D-FINE's decoder: layers refine the distributions of where the edges of a first box lie. Parameter names are the published.

Peng et al. 2024 ("D-FINE"), section 4.1 and appendix A.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..nn.alias import Alias
from ..nn.boxes import inverse_sigmoid
from ..nn.deformable_attention import DeformableAttention, MapSizes
from ..nn.edge_distributions import bin_values, expected_values, moved_boxes
from ..nn.init import Starting, constant
from ..nn.masks import Mask
from ..nn.part_order import put_last
from .heads.object_detection import BoxHead
from .refining_decoder import RefiningDecoder, RefiningLayer


class PlainDeformableAttention(DeformableAttention):
    """Attention to a few places of every map, whose values are the maps themselves, and its output what was mixed."""

    projects = False
    by_map = False
    scale_name = "num_points_scale"


class Gate(Starting):
    """norm(g * x + h * y), the gates g and h being told from both."""

    starts = {"gate.weight": constant(0.0), "gate.bias": constant(0.0)}

    def __init__(self, config: Any) -> None:
        super().__init__()
        size = config.d_model
        self.gate, self.norm = nn.Linear(2 * size, 2 * size), nn.LayerNorm(size)

    def forward(self, second_residual: Tensor, hidden_states: Tensor) -> Tensor:
        gates = self.gate(torch.cat((second_residual, hidden_states), dim=-1)).sigmoid().chunk(2, dim=-1)
        output: Tensor = self.norm(gates[0] * second_residual + gates[1] * hidden_states)
        return output


class GatedRefiningLayer(RefiningLayer):
    """As `RefiningLayer`, a gate between states and what was seen of the maps in the place of sum and norm."""

    deformable_class = PlainDeformableAttention

    def __init__(self, config: Any, heads: int, inner: int) -> None:
        super().__init__(config, heads, inner)
        del self.encoder_attn_layer_norm
        self.gateway = Gate(config)
        put_last(self, "fc1", "fc2", "final_layer_norm", "gateway")

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
        seen = self.encoder_attn(x + positions, memory, points, sizes, real)
        x = self.gateway(x, nn.functional.dropout(seen, self.dropout, self.training))
        output: Tensor = self.final_layer_norm((x + self.transform(x)).clamp(-65504, 65504))
        return output


class LocationQuality(Starting):
    """Adds to the logits of classes how surely the edges are told: by the largest shares of their bins, and these' mean."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.count = config.top_prob_values
        inner = [config.lqe_hidden_dim] * (config.lqe_layers - 1)
        self.reg_conf = BoxHead([4 * (self.count + 1), *inner, 1])
        last = f"reg_conf.layers.{len(inner)}"
        self.starts = {f"{last}.weight": constant(0.0), f"{last}.bias": constant(0.0)}

    def forward(self, scores: Tensor, pred_corners: Tensor) -> Tensor:
        """Logits (B, Q, N) and those of bins (B, Q, 4 * (N + 1)) -> (B, Q, N)."""
        largest = pred_corners.unflatten(-1, (4, -1)).softmax(-1).topk(self.count, dim=-1).values
        told = torch.cat((largest, largest.mean(-1, keepdim=True)), dim=-1).flatten(2)
        output: Tensor = scores + self.reg_conf(told)
        return output


class DistributionDecoder(RefiningDecoder, Starting):
    """The stack of layers over queries; a first head makes boxes, further ones tell how far off their edges are.

    In evaluation the heads of the last layer alone tell what the output holds. The states of layers are (L, B, Q, D).
    """

    d_model = Alias("config.d_model")
    layer_class = GatedRefiningLayer
    quality_class: ClassVar[type[LocationQuality]] = LocationQuality

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        size = config.d_model
        self.pre_bbox_head = self.box_head_class([size, size, size, 4])
        self.lqe_layers = nn.ModuleList(self.quality_class(config) for _ in range(config.decoder_layers))
        self.reg_scale = nn.Parameter(torch.tensor([float(config.reg_scale)]), requires_grad=False)
        self.up = nn.Parameter(torch.tensor([float(config.up)]), requires_grad=False)
        self.bins = config.max_num_bins
        self.starts = {"reg_scale": constant(config.reg_scale), "up": constant(config.up)}

    @classmethod
    def make_heads(cls, config: Any) -> tuple[nn.ModuleList, nn.ModuleList]:
        size, layers = config.d_model, range(config.decoder_layers)
        classes = nn.ModuleList(nn.Linear(size, config.num_labels) for _ in layers)
        edges = 4 * (config.max_num_bins + 1)
        return classes, nn.ModuleList(cls.box_head_class([size, size, size, edges]) for _ in layers)

    def forward(self, x: Tensor, mask: Mask, boxes: Tensor, memory: Tensor, sizes: MapSizes) -> dict[str, Any]:
        reference, states = boxes.sigmoid(), []
        told: list[tuple[Tensor, ...]] = []
        values = bin_values(self.bins, self.up, self.reg_scale)
        heads = self._modules.get("bbox_embed")
        first = corners = before = None
        for number, layer in enumerate(self.layers):
            positions = self.query_pos_head(reference).clamp(-10, 10)
            x = layer(x, mask, positions=positions, points=reference[:, :, None], memory=memory, sizes=sizes)
            states.append(x)
            if heads is None:
                continue
            if first is None:
                start = (self.pre_bbox_head(x) + inverse_sigmoid(reference)).sigmoid()
                first = start.detach()
            change = heads.get_submodule(str(number))(x if before is None else x + before)
            corners = change if corners is None else change + corners
            placed = moved_boxes(first, expected_values(corners, values), self.reg_scale)
            reference, before = placed.detach(), x.detach()
            if self.training or number == len(self.layers) - 1:
                logits = self.get_submodule(f"class_embed.{number}")(x)
                if number == 0:
                    told.append((logits, start))
                told.append((self.lqe_layers[number](logits, corners), placed, corners, first))
        return {
            "last_hidden_state": x,
            "intermediate_hidden_states": torch.stack(states),
            **{name: _stacked(told, place) for place, name in enumerate(TOLD)},
        }


TOLD = (
    "intermediate_logits",
    "intermediate_reference_points",
    "intermediate_predicted_corners",
    "initial_reference_points",
)


def _stacked(told: list[tuple[Tensor, ...]], place: int) -> Any:
    """What layers told at this place, (B, L, Q, ...); nothing where none did."""
    found = [each[place] for each in told if place < len(each)]
    return torch.stack(found, dim=1) if found else ()

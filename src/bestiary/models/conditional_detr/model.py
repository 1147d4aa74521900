"""The modules of Conditional DETR. Parameter names are the published ones, where those of attention lie in attention."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...loading.rules import rename
from ...modeling.detector import DetectorDecoderLayer
from ...modeling.detector_config import DetectorConfig
from ...modeling.heads.object_detection import ObjectDetection
from ...nn.attention import Attend, HasHeads, merge_heads, split_heads
from ...nn.boxes import inverse_sigmoid
from ...nn.detection import Predicted
from ...nn.grid_positions import point_sines
from ...nn.kernels import default_scaling
from ...nn.masks import Mask
from ..detr.model import (
    DetrConvEncoder,
    DetrDecoder,
    DetrEncoder,
    DetrEncoderLayer,
    DetrMLPPredictionHead,
    DetrModel,
    DetrModelOutput,
    DetrObjectDetectionOutput,
    DetrPreTrainedModel,
)
from ..detr.segmentation import DetrForSegmentation, DetrMaskHead, DetrMHAttentionMap, DetrSegmentationOutput
from . import ConditionalDetrConfig

# Files have the projections of attention in the layer, "sa" being that of states to themselves, "ca" that to the encoder's.
_PROJECTIONS = ("qcontent", "qpos", "kcontent", "kpos", "v", "qpos_sine")
_PARTS = {"sa": "self_attn", "ca": "encoder_attn"}


@dataclass
class ConditionalDetrModelOutput(DetrModelOutput):
    """`DetrModelOutput` with `reference_points` (Q, B, 2), x and y in 0..1 of the image."""

    reference_points: Tensor | None = None


@dataclass
class ConditionalDetrObjectDetectionOutput(DetrObjectDetectionOutput):
    """`DetrObjectDetectionOutput`, whose logits (B, Q, N) have no class that means nothing."""


@dataclass
class ConditionalDetrSegmentationOutput(DetrSegmentationOutput):
    """`ConditionalDetrObjectDetectionOutput` with `pred_masks` (B, Q, Y/4, X/4), logits."""


class ConditionalDetrDecoderSelfAttention(HasHeads):
    """Attention of queries to each other; contents and positions are projected apart and added up."""

    query_name = "q_content_proj"

    def __init__(self, config: DetectorConfig, heads: int) -> None:
        super().__init__()
        size = config.d_model
        self.head_dim = size // heads
        self.q_content_proj, self.q_pos_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.k_content_proj, self.k_pos_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.v_proj, self.out_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.attend = Attend(default_scaling(self.head_dim), config.attention_dropout)

    def forward(self, x: Tensor, positions: Tensor, mask: Mask) -> Tensor:
        """States and their positions (B, Q, D) -> (B, Q, D)."""
        queries = self.q_content_proj(x) + self.q_pos_proj(positions)
        keys = self.k_content_proj(x) + self.k_pos_proj(positions)
        heads = (split_heads(each, self.head_dim) for each in (queries, keys, self.v_proj(x)))
        output: Tensor = self.out_proj(merge_heads(self.attend(*heads, mask)))
        return output


class ConditionalDetrDecoderCrossAttention(HasHeads):
    """Attention of queries to the encoder's states; each head matches contents and, beside them, positions.

    In the first layer, `has_positions`, the learned positions of the queries are part of their contents.
    """

    query_name = "q_content_proj"
    has_positions = True

    def __init__(self, config: DetectorConfig, heads: int, cross: bool = True) -> None:
        super().__init__()
        size = config.d_model
        self.head_dim = size // heads
        self.q_content_proj, self.q_pos_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.k_content_proj, self.k_pos_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.v_proj, self.q_pos_sine_proj = nn.Linear(size, size), nn.Linear(size, size)
        self.out_proj = nn.Linear(size, size)
        self.attend = Attend(default_scaling(2 * self.head_dim), config.attention_dropout, cross=cross)

    def drop_positions(self) -> None:
        """Be the attention of a layer that is not the first."""
        del self.q_pos_proj
        self.has_positions = False

    def forward(
        self, x: Tensor, positions: Tensor, sines: Tensor, memory: Tensor, memory_positions: Tensor, mask: Mask
    ) -> Tensor:
        """Queries (B, Q, D), learned positions and sines of their points (B, Q, D), memory (B, S, D) -> (B, Q, D)."""
        queries, keys, places = self.q_content_proj(x), self.k_content_proj(memory), self.k_pos_proj(memory_positions)
        if self.has_positions:
            queries, keys = queries + self.q_pos_proj(positions), keys + places
        content, point = (split_heads(each, self.head_dim) for each in (queries, self.q_pos_sine_proj(sines)))
        key, place, value = (split_heads(each, self.head_dim) for each in (keys, places, self.v_proj(memory)))
        mixed = self.attend(torch.cat((content, point), dim=-1), torch.cat((key, place), dim=-1), value, mask)
        output: Tensor = self.out_proj(merge_heads(mixed))
        return output


class ConditionalDetrConvEncoder(DetrConvEncoder):
    """The backbone, its batch norms frozen."""


class ConditionalDetrEncoderLayer(DetrEncoderLayer):
    """As DETR's."""


class ConditionalDetrEncoder(DetrEncoder):
    """As DETR's."""

    layer_class = ConditionalDetrEncoderLayer


class ConditionalDetrDecoderLayer(DetectorDecoderLayer):
    """As DETR's, with attention of its own kind."""

    attention_class = ConditionalDetrDecoderSelfAttention
    cross_attention_class = ConditionalDetrDecoderCrossAttention

    def attention(self, x: Tensor, mask: Mask, positions: Tensor) -> Tensor:
        return self.residual(x, self.self_attn_layer_norm, lambda x: self.self_attn(x, positions, mask))

    def forward(  # type: ignore[override]  # keys are made of memory and its positions in here
        self,
        x: Tensor,
        mask: Mask,
        *,
        positions: Tensor,
        sines: Tensor,
        memory: Tensor,
        memory_positions: Tensor,
        memory_mask: Mask,
    ) -> Tensor:
        x = self.attention(x, mask, positions)
        look = lambda x: self.encoder_attn(x, positions, sines, memory, memory_positions, memory_mask)  # noqa: E731
        return self.mlp(self.residual(x, self.encoder_attn_layer_norm, look))


class ConditionalDetrMLPPredictionHead(DetrMLPPredictionHead):
    """Dense layers with ReLU between them."""


class ConditionalDetrDecoder(DetrDecoder):
    """The stack of layers over the queries, each of which has a point in the image."""

    layer_class = ConditionalDetrDecoderLayer

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        size = config.d_model
        self.hidden_size = size
        self.query_scale = ConditionalDetrMLPPredictionHead([size, size, size])
        self.ref_point_head = ConditionalDetrMLPPredictionHead([size, size, 2])
        for number in range(1, len(self.layers)):
            attention: Any = self.layers.get_submodule(f"{number}.encoder_attn")
            attention.drop_positions()

    def forward(
        self, x: Tensor, mask: Mask, *, positions: Tensor, memory: Tensor, memory_positions: Tensor, memory_mask: Mask
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As the base; also `reference_points` (Q, B, 2)."""
        points = self.ref_point_head(positions).sigmoid()
        sines = point_sines(points, positions.shape[-1]).to(x.dtype)
        others = {"memory": memory, "memory_positions": memory_positions, "memory_mask": memory_mask}

        def step(layer: nn.Module, x: Tensor) -> Tensor:
            own = sines if layer is self.layers[0] else sines * self.query_scale(x)
            output: Tensor = layer(x, mask, positions=positions, sines=own, **others)
            return output

        last, between = self.run(x, step)
        return last, {**between, "reference_points": points.transpose(0, 1)}


class ConditionalDetrPreTrainedModel(DetrPreTrainedModel):
    """What all Conditional DETR classes share."""

    config_class = ConditionalDetrConfig
    _no_split_modules = ["ConditionalDetrConvEncoder", "ConditionalDetrEncoderLayer", "ConditionalDetrDecoderLayer"]
    _weight_rules = (
        *DetrPreTrainedModel._weight_rules,
        *(
            rename(f"decoder.layers.{{}}.{short}_{name}_proj.{{}}", f"decoder.layers.{{}}.{part}.{inner}_proj.{{}}")
            for short, part in _PARTS.items()
            for name in _PROJECTIONS
            for inner in [name.replace("qc", "q_c").replace("kc", "k_c").replace("qp", "q_p").replace("kp", "k_p")]
            if (short, name) != ("sa", "qpos_sine")
        ),
    )


class ConditionalDetrModel(ConditionalDetrPreTrainedModel, DetrModel):
    """Backbone, encoder and decoder without a head."""

    backbone_class = ConditionalDetrConvEncoder
    encoder_class = ConditionalDetrEncoder
    decoder_class = ConditionalDetrDecoder
    output_class = ConditionalDetrModelOutput


class ConditionalDetrForObjectDetection(ObjectDetection[ConditionalDetrObjectDetectionOutput], ConditionalDetrPreTrainedModel):
    """Conditional DETR that names the objects in an image, with a box around each."""

    backbone_class = ConditionalDetrModel
    box_head_class = ConditionalDetrMLPPredictionHead
    output_class = ConditionalDetrObjectDetectionOutput
    loss_type = "ConditionalDetrForObjectDetection"
    names_nothing = False

    def predict(self, states: Tensor, output: Any) -> Predicted:
        boxes, points = self.bbox_predictor(states), output.get("reference_points")
        if points is not None:
            centers = boxes[..., :2] + inverse_sigmoid(points.transpose(0, 1))
            boxes = torch.cat((centers, boxes[..., 2:]), dim=-1)
        return Predicted(self.class_labels_classifier(states), boxes.sigmoid())


class ConditionalDetrMHAttentionMap(DetrMHAttentionMap):
    """Where each query looks: probabilities over all heads and places together."""


class ConditionalDetrMaskHeadSmallConv(DetrMaskHead):
    """Five convolutions; before each of the last three the map of an earlier, larger stage of the backbone is added."""


class ConditionalDetrForSegmentation(ConditionalDetrPreTrainedModel, DetrForSegmentation):
    """Conditional DETR that also gives each object a mask. The backbone needs four stages with maps.

    Its boxes are not told from the queries' points, as in the published library.
    """

    detector_class = ConditionalDetrForObjectDetection
    detector_name = "conditional_detr"
    mask_head_class = ConditionalDetrMaskHeadSmallConv
    attention_map_class = ConditionalDetrMHAttentionMap
    output_class = ConditionalDetrSegmentationOutput
    loss_type = "ConditionalDetrForSegmentation"

    def seen(self, output: Any) -> Any:
        fields = {name: value for name, value in output.items() if name != "reference_points"}
        return ConditionalDetrModelOutput(**fields)

"""The modules of DPT. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.outputs import ALWAYS, DepthEstimatorOutput, ModelOutput, SemanticSegmenterOutput, Tensors
from ...modeling.dense_neck import STARTS, DenseNeck, OverBackbone, refuse_labels
from ...modeling.pruning import HeadWeights
from ...modeling.reassemble import Reassemble
from ...modeling.recording import Stack
from ...nn.losses import binary_map_loss, semantic_loss
from ...nn.masks import make_mask
from ...nn.part_order import put_last
from ...nn.patches import grid, required
from ...nn.pooling import FirstTokenPooler
from ..vit.model import ViTLayer
from . import DPTConfig
from .embeddings import DPTViTEmbeddings, DPTViTHybridEmbeddings


@dataclass
class DPTModelOutput(ModelOutput):
    """`BaseModelOutputWithPooling` with `intermediate_activations`, the maps that DPT-hybrid reads from its backbone."""

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    intermediate_activations: Tensors | None = None


class DPTViTLayer(ViTLayer):
    """ViT's block; its norms stand last."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__(config)
        put_last(self, "layernorm_before", "layernorm_after")


class DPTViTEncoder(nn.Module):
    """The stack of blocks."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(DPTViTLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden_states: Tensor) -> list[Tensor]:
        """States (B, T, D) -> those behind each block."""
        states, mask = [hidden_states], make_mask(hidden_states.shape[1], hidden_states.device, None, causal=False)
        for layer in self.layer:
            states.append(layer(states[-1], mask))
        return states[1:]


class DPTPreTrainedModel(OverBackbone):
    """What all DPT classes share."""

    config_class = DPTConfig
    base_model_prefix = "dpt"
    stacks = {"": Stack("encoder.layer")}
    kind_starts = STARTS
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["DPTViTEmbeddings", "DPTViTHybridEmbeddings", "DPTViTLayer"]
    config: DPTConfig


class DPTModel(DPTPreTrainedModel):
    """The ViT without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, the class token's state through a dense layer.
    """

    def __init__(self, config: DPTConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = (DPTViTHybridEmbeddings if config.is_hybrid else DPTViTEmbeddings)(config)
        self.encoder = DPTViTEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        size, act = config.pooler_output_size, config.pooler_act
        self.pooler = FirstTokenPooler(config.hidden_size, size, act) if add_pooling_layer else None

    def get_input_embeddings(self) -> nn.Module:
        embeddings: nn.Module = self.embeddings
        return embeddings if isinstance(embeddings, DPTViTHybridEmbeddings) else embeddings.get_submodule("patch_embeddings")

    def states(self, pixel_values: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """(B, C, Y, X) -> the states (B, T, D) behind each block, and the maps that the embeddings give."""
        x, maps = self.embeddings(pixel_values)
        return self.encoder(x), maps

    def forward(self, pixel_values: Tensor | None = None) -> DPTModelOutput:
        """pixel_values: (B, C, Y, X), of any size."""
        states, maps = self.states(pixel_values)
        x = self.layernorm(states[-1])
        pooled = None if self.pooler is None else self.pooler(x)
        return DPTModelOutput(last_hidden_state=x, pooler_output=pooled, intermediate_activations=tuple(maps) or None)


class DPTNeck(DenseNeck):
    """States, or maps of a backbone that gives such, to fused maps."""

    def __init__(self, config: DPTConfig) -> None:
        reassemble, backbone = None, config.backbone_config
        if config.is_hybrid or backbone is None or backbone.model_type != "swinv2":
            size = config.hidden_size if config.is_hybrid or backbone is None else backbone.hidden_size
            reassemble = Reassemble(
                size,
                config.neck_hidden_sizes,
                config.reassemble_factors,
                config.readout_type,
                config.hidden_act,
                config.neck_ignore_stages,
            )
        super().__init__(config, reassemble)


class DPTDense(DPTPreTrainedModel):
    """What the models share that tell something of each pixel: a ViT, or another backbone, and the neck."""

    def put_trunk(self, config: DPTConfig) -> None:
        """Build what the head stands on."""
        if config.backbone_config is not None and not config.is_hybrid:
            self.put_backbone()
        else:
            self.dpt = DPTModel(config, add_pooling_layer=False)
        self.neck = DPTNeck(config)

    def get_input_embeddings(self) -> nn.Module:
        trunk: Any = self._modules.get("dpt", self._modules.get("backbone"))
        embeddings: nn.Module = trunk.get_input_embeddings()
        return embeddings

    def maps(self, pixel_values: Tensor | None) -> list[Tensor]:
        """(B, C, Y, X) -> fused maps (B, C, y, x), coarse to fine."""
        pixels, config = required(pixel_values), self.config
        if "dpt" in self._modules:
            states, maps = self.dpt.states(pixels)
            states = maps + [states[place] for place in (config.backbone_out_indices or ())[len(maps) :]]
            patch = config.patch_size
        else:
            states = self.backbone(pixels, return_dict=True).feature_maps
            patch = config.backbone_config.patch_size
        fused: list[Tensor] = self.neck(states, *grid(pixels.shape[-2:], patch))
        return fused


class DPTDepthEstimationHead(nn.Module):
    """Three convolutions, an enlargement between them; depths, or disparities, from 0 on."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__()
        size = config.fusion_hidden_size
        self.head_in_index = config.head_in_index
        self.projection = nn.Conv2d(size, size, 3, padding=1) if config.add_projection else None
        self.head = nn.Sequential(
            nn.Conv2d(size, size // 2, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.Conv2d(size // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, hidden_states: list[Tensor]) -> Tensor:
        """Fused maps -> (B, Y, X)."""
        x = hidden_states[self.head_in_index]
        if self.projection is not None:
            x = self.projection(x).relu()
        depth: Tensor = self.head(x)
        return depth.squeeze(1)


class DPTForDepthEstimation(DPTDense):
    """DPT: how far away each pixel is."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__(config)
        self.put_trunk(config)
        self.head = DPTDepthEstimationHead(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> DepthEstimatorOutput:
        """Args:
        pixel_values: (B, C, Y, X), edges that are multiples of the patch. labels: the family has no loss.
        """
        refuse_labels(self, labels)
        return DepthEstimatorOutput(predicted_depth=self.head(self.maps(pixel_values)))


def labelling(size: int, classes: int, dropout: float) -> list[nn.Module]:
    """The layers that make logits of classes of a map."""
    first = nn.Conv2d(size, size, 3, padding=1, bias=False)
    return [first, nn.BatchNorm2d(size), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(size, classes, 1)]


class DPTSemanticSegmentationHead(nn.Module):
    """Logits of classes from one of the fused maps, enlarged twice."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__()
        self.head_in_index = config.head_in_index
        layers = labelling(config.fusion_hidden_size, config.num_labels, config.semantic_classifier_dropout)
        self.head = nn.Sequential(*layers, nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))

    def forward(self, hidden_states: list[Tensor]) -> Tensor:
        """Fused maps -> (B, N, Y, X)."""
        logits: Tensor = self.head(hidden_states[self.head_in_index])
        return logits


class DPTAuxiliaryHead(nn.Module):
    """Logits of classes from one map, in training."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__()
        self.head = nn.Sequential(*labelling(config.fusion_hidden_size, config.num_labels, 0.1))

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, N, Y, X)."""
        logits: Tensor = self.head(hidden_states)
        return logits


class DPTForSemanticSegmentation(DPTDense):
    """DPT that labels each place of an image."""

    def __init__(self, config: DPTConfig) -> None:
        super().__init__(config)
        self.put_trunk(config)
        self.head = DPTSemanticSegmentationHead(config)
        self.auxiliary_head = DPTAuxiliaryHead(config) if config.use_auxiliary_head else None

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X). labels: (B, Y, X), the class of each pixel; of a model of one class, 1 where it is.
        """
        maps = self.maps(pixel_values)
        logits, loss = self.head(maps), None
        auxiliary = None if self.auxiliary_head is None else self.auxiliary_head(maps[-1])
        if labels is not None:
            compute = binary_map_loss if self.config.num_labels == 1 else semantic_loss
            loss = compute(logits, labels, self.config.semantic_loss_ignore_index)
            if auxiliary is not None:
                further = compute(auxiliary, labels, self.config.semantic_loss_ignore_index)
                loss = loss + self.config.auxiliary_loss_weight * further
        return SemanticSegmenterOutput(loss=loss, logits=logits)

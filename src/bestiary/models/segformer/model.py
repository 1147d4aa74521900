"""The modules of SegFormer. Parameter names are those of published files."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import BaseModelOutput, SemanticSegmenterOutput
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.headed import Headed
from ...modeling.heads.image_classification import ImageClassifier
from ...modeling.mix_transformer import (
    MixFeedForward,
    MixTransformerLayer,
    OverlapPatchEmbeddings,
    ReducedAttention,
    SequenceReduction,
    as_grid,
    as_places,
    check_images,
    run_stage,
    stage_embeddings,
    stage_layers,
)
from ...modeling.recording import Stack
from ...nn.init import start_usually
from ...nn.losses import binary_map_loss, semantic_loss
from . import SegformerConfig
from .weights import file_names


class SegformerOverlapPatchEmbeddings(OverlapPatchEmbeddings):
    """A convolution whose patches overlap, and a norm."""


class SegformerAttention(ReducedAttention):
    """Every place looks at the places of a smaller grid; then a dense layer."""

    def __init__(self, config: Any, hidden_size: int, num_attention_heads: int, sequence_reduction_ratio: int) -> None:
        super().__init__(config, hidden_size, num_attention_heads)
        self.o_proj = nn.Linear(hidden_size, hidden_size)
        if sequence_reduction_ratio > 1:
            self.sequence_reduction = SequenceReduction(hidden_size, sequence_reduction_ratio)

    def forward(self, hidden_states: Tensor, height: int, width: int) -> Tensor:
        """(B, Y * X, D) -> the same shape."""
        reduce = self._modules.get("sequence_reduction")
        seen = hidden_states if reduce is None else reduce(hidden_states, height, width)
        output: Tensor = self.o_proj(self.mix(hidden_states, seen))
        return output


class SegformerMixMLP(MixFeedForward):
    """An MLP that also sees the eight neighbours of a place."""


class SegformerLayer(MixTransformerLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); in training whole halves are left out for some images."""

    attention_class = SegformerAttention
    mlp_class = SegformerMixMLP

    def __init__(self, config: Any, *sizes: Any) -> None:
        super().__init__(config, *sizes)
        self.hidden_dropout = nn.Dropout(config.hidden_dropout_prob)

    def dropped(self, attended: Tensor) -> Tensor:
        output: Tensor = self.hidden_dropout(attended)
        return output


class SegformerStage(nn.Module):
    """An embedding, blocks and a norm. The last stage gives places, not a grid, without `reshape_last_stage`."""

    def __init__(self, config: SegformerConfig, stage_idx: int) -> None:
        super().__init__()
        self.patch_embeddings = stage_embeddings(SegformerOverlapPatchEmbeddings, config, stage_idx)
        self.blocks = stage_layers(SegformerLayer, config, stage_idx)
        self.layer_norm = nn.LayerNorm(config.hidden_sizes[stage_idx])
        self.flat = stage_idx == config.num_encoder_blocks - 1 and not config.reshape_last_stage

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, C, Y, X) -> (B, D, y, x), or (B, y * x, D)."""
        places, height, width = run_stage(self.patch_embeddings, self.blocks, self.layer_norm, hidden_states)
        return places if self.flat else as_grid(places, height, width)

    def grid_behind(self, x: Tensor) -> tuple[int, int]:
        """Height and width of what the stage makes of `x` (B, C, Y, X)."""
        convolution = self.patch_embeddings.proj
        kernel, stride, padding = convolution.kernel_size[0], convolution.stride[0], convolution.kernel_size[0] // 2
        height, width = ((edge + 2 * padding - kernel) // stride + 1 for edge in x.shape[2:])
        return height, width


class SegformerPreTrainedModel(PreTrainedModel):
    """What all SegFormer classes share."""

    config_class = SegformerConfig
    base_model_prefix = "segformer"
    main_input_name = "pixel_values"
    stacks = {"": Stack("stages", outputs=True, entry=False, complete=False)}
    kind_starts = dict.fromkeys((nn.Linear, nn.Conv2d), lambda part, config: start_usually(part, config.initializer_range))
    _no_split_modules = ["SegformerStage"]
    _weight_rules = file_names()
    config: SegformerConfig


class SegformerModel(SegformerPreTrainedModel):
    """The encoder without a head."""

    def __init__(self, config: SegformerConfig) -> None:
        super().__init__(config)
        self.stages = nn.ModuleList(SegformerStage(config, stage) for stage in range(config.num_encoder_blocks))

    def get_input_embeddings(self) -> nn.Module:
        return self.stages[0].get_submodule("patch_embeddings.proj")

    def states(self, pixel_values: Tensor | None) -> list[Tensor]:
        """(B, C, Y, X) -> what each stage gives."""
        states = [check_images(pixel_values, self.config, self.get_input_embeddings())]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return states[1:]

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X). The states are (B, D, Y/32, X/32) with the usual strides."""
        return BaseModelOutput(last_hidden_state=self.states(pixel_values)[-1])


class SegformerForImageClassification(ImageClassifier, SegformerPreTrainedModel):
    """SegFormer that labels an image by the mean of its last states."""

    backbone_class = SegformerModel

    def make_classifier(self, config: PreTrainedConfig) -> nn.Module:
        return nn.Linear(self.config.hidden_sizes[-1], config.num_labels)

    def pool(self, output: Any) -> Tensor:
        states: Tensor = output.last_hidden_state
        return states.flatten(2).mean(2) if states.dim() == 4 else states.mean(1)


class SegformerMLP(nn.Module):
    """A dense layer over the channels of a grid."""

    def __init__(self, size: int, output_size: int) -> None:
        super().__init__()
        self.proj = nn.Linear(size, output_size)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, Y * X, output_size)."""
        output: Tensor = self.proj(as_places(hidden_states))
        return output


class SegformerDecodeHead(nn.Module):
    """Logits of each place from the grids of all stages, the coarser ones enlarged to the first."""

    def __init__(self, config: SegformerConfig) -> None:
        super().__init__()
        size, count = config.decoder_hidden_size, config.num_encoder_blocks
        self.linear_projections = nn.ModuleList(SegformerMLP(width, size) for width in config.hidden_sizes[:count])
        self.linear_fuse = nn.Conv2d(size * count, size, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(size)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(config.classifier_dropout_prob)
        self.classifier = nn.Conv2d(size, config.num_labels, 1)

    def forward(self, encoder_hidden_states: Any) -> Tensor:
        """Grids (B, D, y, x) of all stages -> (B, N, y, x), as fine as the first."""
        first, grids = encoder_hidden_states[0].shape[2:], []
        for grid, project in zip(encoder_hidden_states, self.linear_projections, strict=True):
            same_width = as_grid(project(grid), *grid.shape[2:])
            grids.append(F.interpolate(same_width, size=first, mode="bilinear", align_corners=False))
        fused = self.activation(self.batch_norm(self.linear_fuse(torch.cat(grids[::-1], dim=1))))
        output: Tensor = self.classifier(self.dropout(fused))
        return output


class SegformerForSemanticSegmentation(Headed, SegformerPreTrainedModel):
    """SegFormer that labels each place of an image."""

    backbone_class = SegformerModel

    def __init__(self, config: SegformerConfig) -> None:
        super().__init__(config)
        self.decode_head = SegformerDecodeHead(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> SemanticSegmenterOutput:
        """Args:
        pixel_values: (B, C, Y, X). labels: (B, Y, X), the class of each pixel; of a model of one class, 1 where it is.
        """
        model: Any = self.base_model
        states = model.states(pixel_values)
        if states[-1].dim() == 3:
            states[-1] = as_grid(states[-1], *model.stages[-1].grid_behind(states[-2] if states[1:] else pixel_values))
        logits = self.decode_head(states)
        loss, ignored = None, self.config.semantic_loss_ignore_index
        if labels is not None:
            loss = (binary_map_loss if self.config.num_labels == 1 else semantic_loss)(logits, labels, ignored)
        return SemanticSegmenterOutput(loss=loss, logits=logits)

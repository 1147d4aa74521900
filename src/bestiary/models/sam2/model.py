"""The modules of SAM 2. Parameter names are the published ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.object_decoder import ObjectMaskDecoder
from ...modeling.object_prompts import ObjectPromptEncoder, check_maps, or_nowhere
from ...modeling.promptable import PromptableModel, check_one_source, check_prompts
from ...modeling.recording import Stack
from ...modeling.sine_pyramid import SinePyramid
from ...nn.alias import Alias
from ...nn.fourier_positions import FourierPositions
from . import Sam2Config, Sam2VisionConfig
from .hiera import Sam2HieraDetModel, Sam2PreTrainedModel


@dataclass
class Sam2VisionEncoderOutput(ModelOutput):
    """`last_hidden_state`, the last stage's (B, Y, X, C); `fpn_hidden_states`, maps (B, D, y, x), the finest first, with their
    `fpn_position_encoding`; the hidden states are maps (B, Y, X, C)."""

    last_hidden_state: Tensor = ALWAYS
    pooler_output: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    fpn_hidden_states: Tensors | None = None
    fpn_position_encoding: Tensors | None = None


@dataclass
class Sam2ImageSegmentationOutput(ModelOutput):
    """`pred_masks` (B, P, M, 4 y, 4 x), numbers above 0 where an object is; `iou_scores` (B, P, M), how good they seem;
    `object_score_logits` (B, P, 1), above 0 where the object is seen; `image_embeddings`, what was made of the image.

    `mask_decoder_attentions` are, as published, what the image took from the tokens in each block, (B * P, 1, y * x, D).
    """

    iou_scores: Tensor = ALWAYS
    pred_masks: Tensor = ALWAYS
    object_score_logits: Tensor | None = None
    image_embeddings: Tensors | None = None
    vision_hidden_states: Tensors | None = None
    vision_attentions: Tensors | None = None
    mask_decoder_attentions: Tensors | None = None


class Sam2VisionModel(Sam2PreTrainedModel):
    """The image encoder: the backbone and the pyramid."""

    config_class = Sam2VisionConfig
    stacks = {"": Stack("backbone.blocks", told="attn")}
    config: Sam2VisionConfig

    def __init__(self, config: Sam2VisionConfig) -> None:
        super().__init__(config)
        self.backbone = Sam2HieraDetModel(config.backbone_config)
        self.neck = SinePyramid(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.get_input_embeddings()

    def forward(self, pixel_values: Tensor | None = None) -> Sam2VisionEncoderOutput:
        """pixel_values: (B, C, Y, X)."""
        stages: Tensors = self.backbone(pixel_values, return_dict=True).intermediate_hidden_states or ()
        used = slice(-1, -self.config.num_feature_levels - 1, -1)
        maps, positions = (each[used] for each in self.neck(stages))
        return Sam2VisionEncoderOutput(last_hidden_state=stages[-1], fpn_hidden_states=maps, fpn_position_encoding=positions)


class Sam2Model(PromptableModel, Sam2PreTrainedModel):
    """SAM 2 on images: images and prompts to masks."""

    stacks = {
        "vision_": Stack("vision_encoder.backbone.blocks", told="attn"),
        "mask_decoder_": Stack("mask_decoder.transformer.layers", told="cross_attn_image_to_token", shows_states=False),
    }
    num_feature_levels, hidden_dim = Alias("config.vision_config.num_feature_levels"), Alias("prompt_encoder.hidden_size")
    config: Sam2Config

    def __init__(self, config: Sam2Config) -> None:
        super().__init__(config)
        prompts = config.prompt_encoder_config
        features, scale = prompts.hidden_size // 2, prompts.scale
        self.shared_image_embedding = FourierPositions(features, scale, trains=False)
        self.vision_encoder = Sam2VisionModel(config.vision_config)
        self.prompt_encoder = ObjectPromptEncoder(prompts, FourierPositions(features, scale, trains=False))
        self.mask_decoder = ObjectMaskDecoder(config.mask_decoder_config)
        self.backbone_feature_sizes = config.vision_config.backbone_feature_sizes
        self.no_memory_embedding = nn.Parameter(torch.zeros(1, 1, config.vision_config.fpn_hidden_size))

    def maps_of(self, pixel_values: Tensor | None) -> list[Tensor]:
        """Images (B, C, Y, X) as the maps that masks are drawn from, the finest first."""
        maps = self.vision_encoder(pixel_values, return_dict=True).fpn_hidden_states
        return self.prepared(maps or ())

    def prepared(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps of the pyramid as the decoder takes them; the last says that nothing is remembered."""
        finest, finer, *others, last = maps
        nothing = self.no_memory_embedding.view(1, -1, 1, 1)
        return [self.mask_decoder.conv_s0(finest), self.mask_decoder.conv_s1(finer), *others, last + nothing]

    def get_image_features(self, pixel_values: Tensor) -> Sam2VisionEncoderOutput:
        """What the image encoder gives for images (B, C, Y, X), its maps and their positions place by place, (y * x, B, D); the
        two finest maps are narrowed as masks are drawn with them."""
        output: Sam2VisionEncoderOutput = self.vision_encoder(pixel_values, return_dict=True)
        finest, finer, *others = output.fpn_hidden_states or ()
        maps = (self.mask_decoder.conv_s0(finest), self.mask_decoder.conv_s1(finer), *others)
        output.fpn_hidden_states = tuple(map(by_place, maps))
        output.fpn_position_encoding = tuple(map(by_place, output.fpn_position_encoding or ()))
        return output

    @torch.no_grad()
    def get_image_embeddings(self, pixel_values: Tensor) -> list[Tensor]:
        """Images (B, C, Y, X) as maps, which forward takes in their place: one for any number of prompts."""
        return self.maps_of(pixel_values)

    def _arrange_recorded(self, output: Any) -> None:
        taken = output.mask_decoder_attentions
        output.mask_decoder_attentions = None if taken is None else tuple(each.unsqueeze(1) for each in taken)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_points: Tensor | None = None,
        *,
        input_labels: Tensor | None = None,
        input_boxes: Tensor | None = None,
        input_masks: Tensor | None = None,
        image_embeddings: Sequence[Tensor] | None = None,
        multimask_output: bool = True,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> Sam2ImageSegmentationOutput:
        """Args:
        pixel_values: (B, C, Y, X), or `image_embeddings`, what `get_image_embeddings` made of them.
        input_points: (B, P, N, 2), N points for each of P masks, across and down, in pixels of the image as it comes in.
        input_labels: (B, P, N), 1 for a point of the object (all, by default), 0 for one outside of it, -10 for padding.
        input_boxes: (B, P, 4), left, top, right and bottom. input_masks: (B, 1, Y, X), numbers as in `pred_masks`.
        multimask_output: draw three masks, for what a prompt may mean, rather than one.
        attention_similarity, target_embedding: see `TwoWayTransformer`.
        """
        check_one_source(pixel_values, image_embeddings)
        maps = self.maps_of(pixel_values) if image_embeddings is None else list(image_embeddings)
        check_maps(maps, self.prompt_encoder.image_embedding_size)
        *fine, last = maps
        labels = check_prompts(input_points, input_labels, input_boxes, len(last))
        prompts = or_nowhere(input_points, labels, input_boxes, last)
        tokens, dense = self.prompt_encoder(*prompts, input_masks, device=last.device)
        positions = self.image_positions(last.device)
        drawn = self.mask_decoder(
            last, positions, tokens, dense, multimask_output, fine[:2], attention_similarity, target_embedding
        )
        return Sam2ImageSegmentationOutput(
            iou_scores=drawn.overlaps,
            pred_masks=drawn.masks,
            object_score_logits=drawn.seen,
            image_embeddings=tuple(maps),
        )


def by_place(maps: Tensor) -> Tensor:
    """(B, D, y, x) -> (y * x, B, D)."""
    return maps.flatten(2).permute(2, 0, 1)

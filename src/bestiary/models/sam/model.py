"""The modules of SAM. Parameter names are the published ones."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.global_windows import GlobalWindowLayer, GlobalWindowParts
from ...modeling.mask_decoder import MaskDecoder
from ...modeling.prompt_encoder import PromptEncoder
from ...modeling.promptable import PromptableModel, check_one_source, check_prompts
from ...modeling.recording import Stack
from ...modeling.two_way import TwoWayLayer, TwoWayTransformer
from ...nn.fourier_positions import FourierPositions
from . import SamConfig, SamVisionConfig


@dataclass
class SamVisionEncoderOutput(ModelOutput):
    """`last_hidden_state` (B, D, y, x), the map of each image; the hidden states are maps (B, y, x, C)."""

    image_embeds: Tensor | None = None
    last_hidden_state: Tensor = ALWAYS
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class SamImageSegmentationOutput(ModelOutput):
    """`pred_masks` (B, P, M, 4 y, 4 x), numbers above 0 where an object is; `iou_scores` (B, P, M), how good they seem.

    `mask_decoder_attentions` are, as published, what the image took from the tokens in each block, (B * P, 1, y * x, D).
    """

    iou_scores: Tensor = ALWAYS
    pred_masks: Tensor = ALWAYS
    vision_hidden_states: Tensors | None = None
    vision_attentions: Tensors | None = None
    mask_decoder_attentions: Tensors | None = None


class SamVisionLayer(GlobalWindowLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); attention sees windows, or the whole map."""


class SamTwoWayAttentionBlock(TwoWayLayer):
    """Tokens look at tokens, then at the image, go through an MLP, and the image looks at them."""


class SamTwoWayTransformer(TwoWayTransformer):
    """The stack of blocks, and a last look of the tokens at the image."""

    layer_class = SamTwoWayAttentionBlock


class SamMaskDecoder(MaskDecoder):
    """What draws masks."""

    transformer_class = SamTwoWayTransformer


class SamPreTrainedModel(PreTrainedModel):
    """What all SAM classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = SamConfig
    base_model_prefix = "sam"
    main_input_name = "pixel_values"
    _no_split_modules = ["SamVisionLayer"]


class SamVisionEncoder(GlobalWindowParts, SamPreTrainedModel):
    """The image encoder."""

    config_class = SamVisionConfig
    stacks = {"": Stack("layers")}
    layer_class = SamVisionLayer
    config: SamVisionConfig

    def __init__(self, config: SamVisionConfig) -> None:
        super().__init__(config)
        self.build(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.patch_embed

    def _arrange_recorded(self, output: Any) -> None:
        output.attentions = heads_as_rows(output.attentions)

    def forward(self, pixel_values: Tensor | None = None) -> SamVisionEncoderOutput:
        """pixel_values: (B, C, Y, X)."""
        return SamVisionEncoderOutput(last_hidden_state=self.encode(pixel_values)[0])


class SamVisionModel(SamPreTrainedModel):
    """The image encoder by itself. Class attribute `encoder_class`: its class."""

    encoder_class: ClassVar[type[SamVisionEncoder]] = SamVisionEncoder
    config_class = SamVisionConfig
    stacks = {"": Stack("vision_encoder.layers")}
    config: SamVisionConfig

    def __init__(self, config: SamVisionConfig) -> None:
        super().__init__(config)
        self.vision_encoder = self.encoder_class(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.vision_encoder.patch_embed

    _arrange_recorded = SamVisionEncoder._arrange_recorded

    def forward(self, pixel_values: Tensor | None = None) -> SamVisionEncoderOutput:
        """pixel_values: (B, C, Y, X)."""
        output: SamVisionEncoderOutput = self.vision_encoder(pixel_values, return_dict=True)
        return output


def heads_as_rows(weights: Tensors | None) -> Tensors | None:
    """Attention probabilities (B, H, T, S) in the published form, (B * H, T, S)."""
    return None if weights is None else tuple(each.flatten(0, 1) for each in weights)


class SamModel(PromptableModel, SamPreTrainedModel):
    """SAM: images and prompts to masks. Class attributes: the classes of two parts."""

    encoder_class: ClassVar[type[SamVisionEncoder]] = SamVisionEncoder
    decoder_class: ClassVar[type[MaskDecoder]] = SamMaskDecoder
    stacks = {
        "vision_": Stack("vision_encoder.layers"),
        "mask_decoder_": Stack("mask_decoder.transformer.layers", told="cross_attn_image_to_token", shows_states=False),
    }
    _tied_weights_keys = {"prompt_encoder.shared_embedding.positional_embedding": "shared_image_embedding.positional_embedding"}
    config: SamConfig

    def __init__(self, config: SamConfig) -> None:
        super().__init__(config)
        vision = config.vision_config
        self.shared_image_embedding = FourierPositions(vision.num_pos_feats, vision.scale)
        self.vision_encoder = self.encoder_class(vision)
        self.prompt_encoder = PromptEncoder(config.prompt_encoder_config, FourierPositions(vision.num_pos_feats, vision.scale))
        self.mask_decoder = self.decoder_class(config.mask_decoder_config)

    @torch.no_grad()
    def get_image_embeddings(self, pixel_values: Tensor) -> Tensor:
        """Images (B, C, Y, X) as maps (B, D, y, x), which forward takes in their place: one for any number of prompts."""
        maps: Tensor = self.vision_encoder(pixel_values, return_dict=True).last_hidden_state
        return maps

    def _arrange_recorded(self, output: Any) -> None:
        output.vision_attentions = heads_as_rows(output.vision_attentions)
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
        image_embeddings: Tensor | None = None,
        multimask_output: bool = True,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> SamImageSegmentationOutput:
        """Args:
        pixel_values: (B, C, Y, X), or `image_embeddings`, what `get_image_embeddings` made of them.
        input_points: (B, P, N, 2), N points for each of P masks, across and down, in pixels of the image as it comes in.
        input_labels: (B, P, N), 1 for a point of the object (all, by default), 0 for one outside of it, -10 for padding.
        input_boxes: (B, P, 4), left, top, right and bottom. input_masks: (B, 1, 4 y, 4 x), numbers as in `pred_masks`.
        multimask_output: draw three masks, for what a prompt may mean, rather than one.
        attention_similarity, target_embedding: see `TwoWayTransformer`.
        """
        check_one_source(pixel_values, image_embeddings)
        maps = self.vision_encoder(pixel_values, return_dict=True)[0] if image_embeddings is None else image_embeddings
        labels = check_prompts(input_points, input_labels, input_boxes, len(maps))
        tokens, dense = self.prompt_encoder(input_points, labels, input_boxes, input_masks, device=maps.device)
        positions = self.image_positions(maps.device)
        masks, overlaps = self.mask_decoder(
            maps, positions, tokens, dense, multimask_output, attention_similarity, target_embedding
        )
        return SamImageSegmentationOutput(iou_scores=overlaps, pred_masks=masks)

"""The modules of SAM-HQ. Parameter names are the published ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...modeling.config import PreTrainedConfig
from ...modeling.mask_decoder import MaskDecoder, MaskMLP, drawn
from ...modeling.prompt_encoder import rows
from ...modeling.promptable import check_one_source, check_prompts
from ...modeling.two_way import TwoWayLayer, TwoWayTransformer
from ...nn.channel_norm import ChannelNorm
from ..sam.model import (
    SamImageSegmentationOutput,
    SamModel,
    SamPreTrainedModel,
    SamVisionEncoder,
    SamVisionEncoderOutput,
    SamVisionLayer,
    SamVisionModel,
)
from . import SamHQConfig, SamHQVisionConfig


@dataclass
class SamHQVisionEncoderOutput(SamVisionEncoderOutput):
    """`last_hidden_state` (B, D, y, x), the map of each image; `intermediate_embeddings`, the states (B, y, x, C) behind each
    block that sees all."""

    intermediate_embeddings: list[Tensor] | None = None


@dataclass
class SamHQImageSegmentationOutput(SamImageSegmentationOutput):
    """As SAM's."""


class SamHQVisionLayer(SamVisionLayer):
    """x + attention(norm(x)), then x + mlp(norm(x)); attention sees windows, or the whole map."""


class SamHQTwoWayAttentionBlock(TwoWayLayer):
    """Tokens look at tokens, then at the image, go through an MLP, and the image looks at them."""


class SamHQTwoWayTransformer(TwoWayTransformer):
    """The stack of blocks, and a last look of the tokens at the image."""

    layer_class = SamHQTwoWayAttentionBlock


class SamHQMaskDecoder(MaskDecoder):
    """SAM's, with one more token, whose mask is drawn on features of its own."""

    transformer_class = SamHQTwoWayTransformer

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        size, wide, narrow = config.hidden_size, config.hidden_size // 4, config.hidden_size // 8
        self.hq_token = nn.Embedding(1, size)
        self.hq_mask_mlp = MaskMLP(size, size, narrow, 3)
        self.num_mask_tokens += 1
        self.compress_vit_conv1 = nn.ConvTranspose2d(config.vit_dim, size, kernel_size=2, stride=2)
        self.compress_vit_norm = ChannelNorm(size, 1e-6)
        self.compress_vit_conv2 = nn.ConvTranspose2d(size, narrow, kernel_size=2, stride=2)
        self.encoder_conv1 = nn.ConvTranspose2d(size, wide, kernel_size=2, stride=2)
        self.encoder_norm = ChannelNorm(wide, 1e-6)
        self.encoder_conv2 = nn.ConvTranspose2d(wide, narrow, kernel_size=2, stride=2)
        self.mask_conv1 = nn.Conv2d(narrow, wide, kernel_size=3, padding=1)
        self.mask_norm = ChannelNorm(wide, 1e-6)
        self.mask_conv2 = nn.Conv2d(wide, narrow, kernel_size=3, padding=1)

    def own_tokens(self, device: torch.device) -> Tensor:
        return torch.cat((super().own_tokens(device), rows(self.hq_token, device)))

    def features(self, image_embeddings: Tensor, early: Tensor) -> Tensor:
        """Maps (B, D, y, x) and the states (B, y, x, C) of the first block that sees all -> (B, D / 8, 4 y, 4 x)."""
        act = self.activation
        last = self.encoder_conv2(act(self.encoder_norm(self.encoder_conv1(image_embeddings))))
        first = self.compress_vit_conv1(early.permute(0, 3, 1, 2))
        output: Tensor = last + self.compress_vit_conv2(act(self.compress_vit_norm(first)))
        return output

    def forward(  # type: ignore[override]  # one more choice, and states of the image encoder
        self,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        sparse_prompt_embeddings: Tensor | None,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
        hq_token_only: bool,
        intermediate_embeddings: Sequence[Tensor] | None = None,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As SAM's, the masks with the highest overlap first. `hq_token_only`: give the mask of the further token alone,
        rather than added to them.

        Raises:
            InputError: no states of the image encoder.
        """
        if not intermediate_embeddings:
            raise InputError(
                "pass intermediate_embeddings with image_embeddings: get_image_embeddings gives both, and an image encoder"
                " needs global_attn_indexes"
            )
        own = self.features(image_embeddings, intermediate_embeddings[0])
        states, _ = self.look(
            image_embeddings,
            image_positional_embeddings,
            sparse_prompt_embeddings,
            dense_prompt_embeddings,
            attention_similarity,
            target_embedding,
        )
        # As published in version 5: not on what the transformer made of the map, and rows and columns are exchanged.
        image = (image_embeddings + dense_prompt_embeddings).transpose(2, 3).repeat_interleave(states.shape[1], dim=0)
        usual, last = self.enlarged(image), self.num_mask_tokens
        fine = self.mask_conv2(self.activation(self.mask_norm(self.mask_conv1(usual))))
        fine = fine + own.repeat_interleave(states.shape[1], dim=0)
        masks = self.draw(states[:, :, 1:last], usual)
        added = drawn(self.hq_mask_mlp(states[:, :, last : last + 1]), fine)
        overlaps = self.iou_prediction_head(states[:, :, 0])
        chosen = slice(1, None) if multimask_output else slice(0, 1)
        overlaps, order = overlaps[:, :, chosen].sort(dim=-1, descending=True)
        best_first = masks[:, :, chosen].gather(2, order[..., None, None].expand(-1, -1, -1, *masks.shape[3:]))
        return added if hq_token_only else best_first + added, overlaps


class SamHQPreTrainedModel(SamPreTrainedModel):
    """What all SAM-HQ classes share."""

    config_class: ClassVar[type[PreTrainedConfig]] = SamHQConfig
    base_model_prefix = "sam_hq"
    _no_split_modules = ["SamHQVisionLayer"]


class SamHQVisionEncoder(SamHQPreTrainedModel, SamVisionEncoder):
    """The image encoder."""

    config_class = SamHQVisionConfig
    layer_class = SamHQVisionLayer

    def forward(self, pixel_values: Tensor | None = None) -> SamHQVisionEncoderOutput:
        """pixel_values: (B, C, Y, X)."""
        maps, states = self.encode(pixel_values)
        return SamHQVisionEncoderOutput(last_hidden_state=maps, intermediate_embeddings=states)


class SamHQVisionModel(SamHQPreTrainedModel, SamVisionModel):
    """The image encoder by itself."""

    config_class = SamHQVisionConfig
    encoder_class = SamHQVisionEncoder


class SamHQModel(SamHQPreTrainedModel, SamModel):
    """SAM-HQ: images and prompts to masks."""

    encoder_class = SamHQVisionEncoder
    decoder_class = SamHQMaskDecoder

    @torch.no_grad()
    def get_image_embeddings(self, pixel_values: Tensor) -> Any:
        """Images (B, C, Y, X) as maps (B, D, y, x), and the states of the encoder: both that forward takes in their place."""
        output: Any = self.vision_encoder(pixel_values, return_dict=True)
        return output.last_hidden_state, output.intermediate_embeddings

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
        hq_token_only: bool = False,
        attention_similarity: Tensor | None = None,
        target_embedding: Tensor | None = None,
        intermediate_embeddings: Sequence[Tensor] | None = None,
    ) -> SamHQImageSegmentationOutput:
        """As of `SamModel`. hq_token_only: give the mask of the further token alone, rather than added to SAM's.
        intermediate_embeddings: needed with `image_embeddings`; see `get_image_embeddings`.
        """
        check_one_source(pixel_values, image_embeddings)
        maps: Any = image_embeddings
        if image_embeddings is None:
            seen: Any = self.vision_encoder(pixel_values, return_dict=True)
            maps, intermediate_embeddings = seen.last_hidden_state, seen.intermediate_embeddings
        labels = check_prompts(input_points, input_labels, input_boxes, len(maps))
        tokens, dense = self.prompt_encoder(input_points, labels, input_boxes, input_masks, device=maps.device)
        positions, steering = self.image_positions(maps.device), (attention_similarity, target_embedding)
        masks, overlaps = self.mask_decoder(
            maps, positions, tokens, dense, multimask_output, hq_token_only, intermediate_embeddings, *steering
        )
        return SamHQImageSegmentationOutput(iou_scores=overlaps, pred_masks=masks)

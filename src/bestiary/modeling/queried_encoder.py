"""An encoder over patches that draws masks itself (Kerssies et al. 2025, "Your ViT is secretly an image segmentation model").

Queries join the tokens before the last layers. In these a query may be kept from patches outside of the mask that it would
draw then, which training does away with step by step.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..core.outputs import ModelOutput, Tensors
from ..nn.activations import activation
from ..nn.channel_norm import ChannelNorm
from ..nn.init import Starting, constant
from ..nn.mask_losses import MaskCriterion, Points, PredictedMasks
from ..nn.masks import Mask, make_mask
from ..nn.patches import grid, required
from ..nn.values import is_true
from .base import PreTrainedModel
from .queried_encoder_config import QueriedEncoderConfig
from .recording import Stack


@dataclass
class QueriedEncoderOutput(ModelOutput):
    """`class_queries_logits` (B, Q, N+1), the last class being "nothing"; `masks_queries_logits` (B, Q, y, x).

    `last_hidden_state` (B, Q + T, D) are the queries, then the tokens; the first of `hidden_states` are the tokens alone.
    `patch_offsets` are what was passed in: where images that were cut come from.
    """

    loss: Tensor | None = None
    class_queries_logits: Tensor | None = None
    masks_queries_logits: Tensor | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None
    patch_offsets: list[Tensor] | None = None


class ScaleLayer(nn.Module):
    """A map twice as high and wide."""

    def __init__(self, config: QueriedEncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.conv1 = nn.ConvTranspose2d(size, size, 2, stride=2)
        self.activation = activation(config.hidden_act)
        self.conv2 = nn.Conv2d(size, size, 3, padding=1, groups=size, bias=False)
        self.layernorm2d = ChannelNorm(size, 1e-6)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, D, y, x) -> (B, D, 2y, 2x)."""
        output: Tensor = self.layernorm2d(self.conv2(self.activation(self.conv1(hidden_states))))
        return output


class ScaleBlock(nn.Module):
    """A map enlarged twice, some times."""

    layer_class: ClassVar[type[ScaleLayer]] = ScaleLayer

    def __init__(self, config: QueriedEncoderConfig) -> None:
        super().__init__()
        self.block = nn.ModuleList(self.layer_class(config) for _ in range(config.num_upscale_blocks))

    def forward(self, hidden_states: Tensor) -> Tensor:
        for layer in self.block:
            hidden_states = layer(hidden_states)
        return hidden_states


class MaskHead(nn.Module):
    """Three dense layers: the vector of a query."""

    def __init__(self, config: QueriedEncoderConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.fc1, self.fc2, self.fc3 = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden_states: Tensor) -> Tensor:
        inner = self.activation(self.fc2(self.activation(self.fc1(hidden_states))))
        output: Tensor = self.fc3(inner)
        return output


class QueriedEncoder(PreTrainedModel, Starting):
    """The encoder with its queries. A family names its parts.

    `attn_mask_probs`, in files, holds for each of the last layers how many of the queries are kept to their masks.

    Class attributes: the classes of its parts, each built as `part(config)`.
    """

    main_input_name = "pixel_values"
    stacks = {"": Stack("layers", final="layernorm", outputs=True)}
    config: QueriedEncoderConfig
    attn_mask_probs: Tensor
    embeddings_class: ClassVar[type[nn.Module]]
    layer_class: ClassVar[type[nn.Module]]
    scale_class: ClassVar[type[ScaleBlock]] = ScaleBlock
    mask_head_class: ClassVar[type[MaskHead]] = MaskHead

    def __init__(self, config: QueriedEncoderConfig) -> None:
        super().__init__(config)
        size = config.hidden_size
        self.embeddings = self.embeddings_class(config)
        self.layernorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.query = nn.Embedding(config.num_queries, size)
        self.layers = nn.ModuleList(self.layer_class(config) for _ in range(config.num_hidden_layers))
        self.upscale_block, self.mask_head = self.scale_class(config), self.mask_head_class(config)
        self.class_predictor = nn.Linear(size, config.num_labels + 1)
        self.criterion = MaskCriterion(
            config.num_labels,
            config.no_object_weight,
            config.class_weight,
            config.mask_weight,
            config.dice_weight,
            Points(config.train_num_points, config.oversample_ratio, config.importance_sample_ratio),
        )
        self.register_buffer("attn_mask_probs", torch.ones(config.num_blocks))
        self.starts = {"attn_mask_probs": constant(1.0)}

    def get_input_embeddings(self) -> nn.Module:
        part: nn.Module = self.embeddings.get_submodule("patch_embeddings")
        return part

    @property
    def first_patch(self) -> int:
        """How many tokens stand before the patches: the class token and registers."""
        return 1 + self.config.num_register_tokens

    def tokens(self, pixel_values: Tensor) -> Tensor:
        """Images (B, C, Y, X) -> (B, T, D)."""
        x: Tensor = self.embeddings(pixel_values)
        return x

    def turning(self, pixel_values: Tensor) -> dict[str, Any]:
        """What layers take besides states and a mask."""
        return {}

    def draw(self, states: Tensor, size: tuple[int, int]) -> PredictedMasks:
        """States (B, Q + T, D) behind the norm, of a grid of patches of this `size` -> logits of classes and masks."""
        count = self.config.num_queries
        queries, patches = states[:, :count], states[:, count + self.first_patch :]
        places = self.upscale_block(patches.transpose(1, 2).unflatten(2, size))
        masks = torch.einsum("bqd,bdyx->bqyx", self.mask_head(queries), places)
        return PredictedMasks(self.class_predictor(queries), masks)

    def mask_of(self, masks: Tensor, size: tuple[int, int], share: Tensor) -> Mask:
        """Queries see of the patches those inside of their `masks` of logits (B, Q, y, x); a `share` of the queries, drawn at
        random, alone is kept to these."""
        count = self.config.num_queries
        inside = interpolate(masks.detach(), size=size, mode="bilinear", align_corners=False).flatten(2) > 0
        if not is_true(share >= 1):
            inside = inside | (torch.rand(inside.shape[:2], device=inside.device) > share)[..., None]
        length = count + self.first_patch + inside.shape[2]
        seen = torch.ones((len(inside), 1, length, length), dtype=torch.bool, device=inside.device)
        seen[:, 0, :count, count + self.first_patch :] = inside
        return Mask(length, length, inside.device, dense=seen)

    def forward(
        self,
        pixel_values: Tensor | None = None,
        mask_labels: Any = None,
        class_labels: Any = None,
        patch_offsets: list[Tensor] | None = None,
    ) -> QueriedEncoderOutput:
        """Args:
        pixel_values: (B, C, Y, X).
        mask_labels: of each image masks (M, Y, X) of 0 and 1. class_labels: of each image their classes (M,).
        patch_offsets: of images that the processor cut, where they come from; the output holds them for the processor.
        """
        pixels = required(pixel_values)
        x = self.tokens(pixels)
        size, angles = grid(pixels.shape[-2:], self.config.patch_size), self.turning(pixels)
        earlier, before = [], len(self.layers) - self.config.num_blocks
        queries = self.query(torch.arange(self.config.num_queries, device=x.device)).expand(len(x), -1, -1)
        for number, layer in enumerate(self.layers):
            x = torch.cat((queries, x), dim=1) if number == max(before, 0) else x
            mask = make_mask(x.shape[1], x.device, None, causal=False)
            if number >= before:
                share = self.attn_mask_probs[number - before]
                if self.training or not is_true(share <= 0):
                    earlier.append(self.draw(self.layernorm(x), size))
                    mask = self.mask_of(earlier[-1].masks, size, share)
            x = layer(x, mask, **angles)
        x = self.layernorm(x)
        last = self.draw(x, size)
        loss = None
        if mask_labels is not None and class_labels is not None:
            earliest, *others = *earlier, last  # in the order in which the published loss draws its points
            loss, _ = self.criterion(earliest, others, mask_labels, class_labels)
        return QueriedEncoderOutput(
            loss=loss,
            class_queries_logits=last.classes,
            masks_queries_logits=last.masks,
            last_hidden_state=x,
            patch_offsets=patch_offsets,
        )

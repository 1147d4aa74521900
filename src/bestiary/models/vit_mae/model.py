"""The modules of ViT-MAE. Parameter names are the published ones of files."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ALWAYS, ModelOutput, Tensors
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.heads.headed import Headed, recorded
from ...modeling.patch_embeddings import PatchEmbeddings
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.alias import Alias
from ...nn.grid_positions import grid_waves
from ...nn.init import Starting, constant
from ...nn.masks import make_mask
from ...nn.patches import check_pixels, grid, pair, stretch
from ..vit.model import ViTEncoder, ViTLayer
from . import ViTMAEConfig


@dataclass
class ViTMAEModelOutput(ModelOutput):
    """`last_hidden_state` (B, 1 + kept, D) of the class token and the patches that were kept.

    `mask` (B, patches) is 1 where a patch was left out. `ids_restore` (B, patches) is the place of each patch among those that
    were kept, followed by those that were left out.
    """

    last_hidden_state: Tensor = ALWAYS
    mask: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


@dataclass
class ViTMAEForPreTrainingOutput(ModelOutput):
    """`logits` (B, patches, pixels of a patch) and, as in `ViTMAEModelOutput`, `mask` and `ids_restore`."""

    loss: Tensor | None = None
    logits: Tensor = ALWAYS
    mask: Tensor | None = None
    ids_restore: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


def fixed_positions(trained: tuple[int, int], size: int) -> Any:
    """The rule by which a table (1, 1 + patches, D) of positions starts: sines and cosines, zeros for the class token."""

    def start(table: Tensor) -> None:
        table[0, :1] = 0
        table[0, 1:] = grid_waves(*trained, size)

    return start


class ViTMAEEmbeddings(Starting):
    """The class token and those patches, with their positions, whose noise is least."""

    patch_size = Alias("config.patch_size")

    def __init__(self, config: ViTMAEConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.patch_embeddings = PatchEmbeddings(config)
        places = 1 + self.patch_embeddings.num_patches
        self.position_embeddings = nn.Parameter(torch.zeros(1, places, size), requires_grad=False)
        self.starts = {
            "cls_token": constant(0.0),
            "position_embeddings": fixed_positions(self.patch_embeddings.grid, size),
        }

    def forward(
        self, pixel_values: Tensor | None, noise: Tensor | None = None, interpolate_pos_encoding: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, Y, X) and a number for each patch (B, patches) -> (B, 1 + kept, D), and what `ViTMAEModelOutput` says of it.

        Raises:
            InputError: noise of another shape.
        """
        config, patch = self.config, self.config.patch_size
        pixels = check_pixels(pixel_values, config.num_channels, patch, None if interpolate_pos_encoding else config.image_size)
        trained, target = self.patch_embeddings.grid, grid(pixels.shape[-2:], patch)
        places = stretch(self.position_embeddings[0], trained, target)
        x = self.patch_embeddings(pixels) + places[1:]
        x, mask, order = self.random_masking(x, noise)
        first = self.cls_token + places[:1]
        return torch.cat((first.expand(len(x), -1, -1), x), dim=1), mask, order

    def random_masking(self, sequence: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Patches (B, N, D) -> those that are kept, `mask` and `ids_restore`; without `noise` (B, N) it is drawn."""
        count = sequence.shape[1]
        if noise is None:
            noise = torch.rand(sequence.shape[:2], device=sequence.device)
        if noise.shape != sequence.shape[:2] or noise.is_complex():
            expected = f"expected a number for each patch, {tuple(sequence.shape[:2])}"
            raise InputError(f"noise is {noise.dtype} of shape {tuple(noise.shape)}; {expected}")
        kept = int(count * (1 - self.config.mask_ratio))
        order = noise.argsort(dim=1)
        places = order.argsort(dim=1)
        chosen = order[:, :kept, None].expand(-1, -1, sequence.shape[2])
        return sequence.gather(1, chosen), (places >= kept).to(torch.float32), places


class ViTMAEPreTrainedModel(PreTrainedModel):
    """What all ViT-MAE classes share."""

    config_class = ViTMAEConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.layer")}
    head_weights = HeadWeights(
        ("attention.attention.query", "attention.attention.key", "attention.attention.value"), "attention.output.dense"
    )
    _no_split_modules = ["ViTMAEEmbeddings", "ViTLayer"]
    config: ViTMAEConfig


class ViTMAEModel(ViTMAEPreTrainedModel):
    """The encoder without a decoder: it sees a few patches only."""

    def __init__(self, config: ViTMAEConfig) -> None:
        super().__init__(config)
        self.embeddings = ViTMAEEmbeddings(config)
        self.encoder = ViTEncoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def forward(
        self,
        pixel_values: Tensor | None = None,
        noise: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
    ) -> ViTMAEModelOutput:
        """Args:
        pixel_values: (B, C, Y, X). noise: (B, patches), numbers of which the least say what patches are kept; else drawn.
        interpolate_pos_encoding: take images of any size, with positions interpolated.
        attention_mask: (B, 1 + kept), 0 for tokens to look away from; the class token comes first.
        """
        x, mask, places = self.embeddings(pixel_values, noise, bool(interpolate_pos_encoding))
        x = self.encoder(x, make_mask(x.shape[1], x.device, attention_mask, causal=False))
        return ViTMAEModelOutput(last_hidden_state=self.layernorm(x), mask=mask, ids_restore=places)


class ViTMAEDecoder(Starting):
    """All patches of an image, painted from those that were kept."""

    def __init__(self, config: ViTMAEConfig, trained: tuple[int, int]) -> None:
        super().__init__()
        size, own = config.decoder_hidden_size, copy.deepcopy(config)
        own.hidden_size, own.num_hidden_layers = size, config.decoder_num_hidden_layers
        own.num_attention_heads, own.intermediate_size = config.decoder_num_attention_heads, config.decoder_intermediate_size
        height, width = pair(config.patch_size)
        self.decoder_embed = nn.Linear(config.hidden_size, size)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, size))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, 1 + trained[0] * trained[1], size), requires_grad=False)
        self.decoder_layers = nn.ModuleList(ViTLayer(own) for _ in range(own.num_hidden_layers))
        self.decoder_norm = nn.LayerNorm(size, config.layer_norm_eps)
        self.decoder_pred = nn.Linear(size, height * width * config.num_channels)
        self.starts = {"mask_token": constant(0.0), "decoder_pos_embed": fixed_positions(trained, size)}

    def forward(self, hidden_states: Tensor, ids_restore: Tensor) -> Tensor:
        """States (B, 1 + kept, D) and the place of each patch among them (B, patches) -> pixels (B, patches, P)."""
        x, count = self.decoder_embed(hidden_states), ids_restore.shape[1]
        missing = self.mask_token.to(x.dtype).expand(len(x), count + 1 - x.shape[1], -1)
        patches = torch.cat((x[:, 1:], missing), dim=1)
        patches = patches.gather(1, ids_restore[..., None].expand(-1, -1, x.shape[2]))
        x = torch.cat((x[:, :1], patches), dim=1)
        # As published, positions of another number of patches are stretched along the row of all of them.
        x = x + stretch(self.decoder_pos_embed[0], (1, self.decoder_pos_embed.shape[1] - 1), (1, count))
        mask = make_mask(x.shape[1], x.device, None, causal=False)
        for layer in self.decoder_layers:
            x = layer(x, mask)
        output: Tensor = self.decoder_pred(self.decoder_norm(x))[:, 1:]
        return output


class ViTMAEForPreTraining(Headed, ViTMAEPreTrainedModel):
    """ViT-MAE that paints the patches it did not see."""

    backbone_class = ViTMAEModel
    # Published models write the decoder's blocks so; files of earlier releases call them as they are called here.
    _weight_rules = (rename("decoder.decoder_encoder.layer.{*}", "decoder.decoder_layers.{*}"),)

    def __init__(self, config: ViTMAEConfig) -> None:
        super().__init__(config)
        self.decoder = ViTMAEDecoder(config, grid(config.image_size, config.patch_size))

    def patchify(self, pixel_values: Tensor, interpolate_pos_encoding: bool = False) -> Tensor:
        """Images (B, C, Y, X) as pixels of patches (B, patches, P), in each patch row by row, its channels last."""
        config = self.config
        size = None if interpolate_pos_encoding else config.image_size
        pixels = check_pixels(pixel_values, config.num_channels, config.patch_size, size)
        (rows, columns), (height, width) = grid(pixels.shape[-2:], config.patch_size), pair(config.patch_size)
        pixels = pixels[..., : rows * height, : columns * width]
        patches: Tensor = pixels.unflatten(3, (columns, width)).unflatten(2, (rows, height)).permute(0, 2, 4, 3, 5, 1)
        return patches.flatten(3).flatten(1, 2)

    def unpatchify(self, patchified_pixel_values: Tensor, original_image_size: tuple[int, int] | None = None) -> Tensor:
        """Pixels of patches (B, patches, P) as images (B, C, Y, X), the inverse of `patchify`.

        Args:
            original_image_size: height and width of the images, where these are not the config's.

        Raises:
            InputError: patches of another number or size.
        """
        config = self.config
        (rows, columns), (height, width) = (
            grid(original_image_size or config.image_size, config.patch_size),
            pair(config.patch_size),
        )
        expected = (rows * columns, height * width * config.num_channels)
        if patchified_pixel_values.shape[1:] != expected:
            raise InputError(
                f"patches have shape {tuple(patchified_pixel_values.shape)}; expected {('batch', *expected)} for"
                f" {rows} x {columns} patches of {height} x {width} pixels"
            )
        pixels: Tensor = patchified_pixel_values.unflatten(2, (height, width, config.num_channels))
        pixels = pixels.unflatten(1, (rows, columns))
        return pixels.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)

    def forward_loss(self, pixel_values: Tensor, pred: Tensor, mask: Tensor, interpolate_pos_encoding: bool = False) -> Tensor:
        """The mean squared error of pixels (B, patches, P) of the patches in `mask` (B, patches)."""
        target = self.patchify(pixel_values, interpolate_pos_encoding)
        if self.config.norm_pix_loss:
            mean, variance = target.mean(dim=-1, keepdim=True), target.var(dim=-1, keepdim=True)
            target = (target - mean) / (variance + 1e-6).sqrt()
        error = (pred - target).square().mean(dim=-1)
        return (error * mask).sum() / mask.sum()

    def forward(
        self,
        pixel_values: Tensor | None = None,
        noise: Tensor | None = None,
        *,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
    ) -> ViTMAEForPreTrainingOutput:
        """The inputs are those of `ViTMAEModel`; `loss` is that of `forward_loss`."""
        resizes = bool(interpolate_pos_encoding)
        output = self.run_backbone(pixel_values, noise, interpolate_pos_encoding=resizes, attention_mask=attention_mask)
        logits = self.decoder(output.last_hidden_state, output.ids_restore)
        loss = None if pixel_values is None else self.forward_loss(pixel_values, logits, output.mask, resizes)
        return ViTMAEForPreTrainingOutput(loss=loss, logits=logits, **recorded(output))

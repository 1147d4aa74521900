"""The modules of Swin2SR. Parameter names are the published ones."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from ...core.errors import InputError
from ...core.outputs import BaseModelOutput, ImageSuperResolutionOutput
from ...modeling.base import PreTrainedModel
from ...modeling.cosine_windows import CosineWindowLayer
from ...modeling.recording import Stack
from ...modeling.windowed import of_stages
from ...nn.init import Starting, constant
from ...nn.patches import check_pixels, grid, stretch
from . import Swin2SRConfig
from .upsamplers import UPSAMPLERS, convolution

RGB_MEAN = (0.4488, 0.4371, 0.4040)  # of the images that it was trained on


class Swin2SRPatchEmbeddings(nn.Module):
    """Each place projected, with `normalize_patches` through a norm."""

    def __init__(self, config: Swin2SRConfig, normalize_patches: bool = True) -> None:
        super().__init__()
        rows, columns = grid(config.image_size, config.patch_size)
        self.num_patches = rows * columns
        self.projection = nn.Conv2d(config.embed_dim, config.embed_dim, 1)
        self.layernorm = nn.LayerNorm(config.embed_dim) if normalize_patches else None

    def forward(self, embeddings: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, Y, X, D)."""
        x: Tensor = self.projection(embeddings).permute(0, 2, 3, 1)
        return x if self.layernorm is None else self.layernorm(x)


class Swin2SREmbeddings(Starting):
    """Places, plus learned positions where the config wants them, whose table has one more in front."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.patch_embeddings = Swin2SRPatchEmbeddings(config)
        self.grid = grid(config.image_size, config.patch_size)
        table = torch.zeros(1, self.grid[0] * self.grid[1] + 1, config.embed_dim)
        self.position_embeddings = nn.Parameter(table) if config.use_absolute_embeddings else None
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.starts = {} if self.position_embeddings is None else {"position_embeddings": constant(0.0)}

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, D, Y, X) -> (B, Y, X, D)."""
        x = self.patch_embeddings(pixel_values)
        if self.position_embeddings is not None:
            rows, columns = x.shape[1:3]
            table = stretch(self.position_embeddings[0, 1:], self.grid, (rows, columns), leading=0)
            x = x + table.view(rows, columns, -1)
        output: Tensor = self.dropout(x)
        return output


class Swin2SRStage(nn.Module):
    """A group of blocks and a convolution, added to what came in."""

    def __init__(self, config: Swin2SRConfig, stage: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            CosineWindowLayer(config, stage, 0.0, shifts=place % 2 == 1) for place in range(config.depths[stage])
        )
        size = config.embed_dim
        self.conv = convolution(size, size) if config.resi_connection == "1conv" else three_convolutions(size)
        self.patch_embed = Swin2SRPatchEmbeddings(config, normalize_patches=False)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, Y, X, D) -> (B, Y, X, D)."""
        x = hidden_states
        for layer in self.layers:
            x = layer(x)
        output: Tensor = self.patch_embed(self.conv(x.permute(0, 3, 1, 2))) + hidden_states
        return output


def three_convolutions(size: int) -> nn.Sequential:
    """Three in place of one, a quarter as wide within."""
    inner = size // 4
    return nn.Sequential(
        convolution(size, inner),
        nn.LeakyReLU(negative_slope=0.2, inplace=True),
        nn.Conv2d(inner, inner, 1),
        nn.LeakyReLU(negative_slope=0.2, inplace=True),
        convolution(inner, size),
    )


class Swin2SREncoder(nn.Module):
    """All groups of blocks."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Swin2SRStage(config, stage) for stage in range(len(config.depths)))

    def forward(self, hidden_states: Tensor) -> Tensor:
        for stage in self.stages:
            hidden_states = stage(hidden_states)
        return hidden_states


class Swin2SRPreTrainedModel(PreTrainedModel):
    """What the Swin2SR classes share."""

    config_class = Swin2SRConfig
    base_model_prefix = "swin2sr"
    main_input_name = "pixel_values"
    stacks = {"": Stack("encoder.stages")}
    kernels = ("sdpa", "eager")
    _no_split_modules = ["Swin2SRStage"]
    config: Swin2SRConfig

    def _arrange_recorded(self, output: object) -> None:
        """Maps (B, Y, X, D) as tokens; of a group's attention, that of its last block."""
        states, attentions = getattr(output, "hidden_states", None), getattr(output, "attentions", None)
        if states is not None:
            output.hidden_states = tuple(state.flatten(1, 2) for state in states)  # type: ignore[attr-defined]
        output.attentions = of_stages(self.config, attentions)  # type: ignore[attr-defined]


class Swin2SRModel(Swin2SRPreTrainedModel):
    """The maps of an image without what makes it larger."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__(config)
        self.first_convolution = convolution(config.num_channels, config.embed_dim)
        self.embeddings = Swin2SREmbeddings(config)
        self.encoder = Swin2SREncoder(config)
        self.layernorm = nn.LayerNorm(config.embed_dim, config.layer_norm_eps)
        self.conv_after_body = convolution(config.embed_dim, config.embed_dim)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.patch_embeddings

    def centered(self, pixel_values: Tensor) -> Tensor:
        """(B, C, Y, X) around 0, mirrored at the lower and the right edge up to multiples of the window.

        Raises:
            InputError: an edge is shorter than what is missing.
        """
        size = self.config.window_size
        down, across = -pixel_values.shape[2] % size, -pixel_values.shape[3] % size
        if down >= pixel_values.shape[2] or across >= pixel_values.shape[3]:
            found = " x ".join(map(str, pixel_values.shape[2:]))
            raise InputError(
                f"images of {found} pixels cannot be mirrored up to windows of {size} x {size}; pad them by the image processor"
            )
        if down or across:
            pixel_values = pad(pixel_values, (0, across, 0, down), "reflect")
        return (pixel_values - self.mean(pixel_values)) * self.config.img_range

    def mean(self, like: Tensor) -> Tensor | float:
        """What is taken from pixels, (1, 3, 1, 1) where input and result are in colour, else 0."""
        if (self.config.num_channels, self.config.num_channels_out) != (3, 3):
            return 0.0
        return like.new_tensor(RGB_MEAN).view(1, 3, 1, 1)

    def forward(self, pixel_values: Tensor | None = None) -> BaseModelOutput:
        """pixel_values: (B, C, Y, X), of any size; the map (B, D, Y, X) ends where the last window does."""
        pixels = check_pixels(pixel_values, self.config.num_channels, 1, None)
        x = self.first_convolution(self.centered(pixels).to(self.first_convolution.weight.dtype))
        states = self.layernorm(self.encoder(self.embeddings(x)))
        return BaseModelOutput(last_hidden_state=self.conv_after_body(states.permute(0, 3, 1, 2)) + x)


class Swin2SRForImageSuperResolution(Swin2SRPreTrainedModel):
    """Swin2SR: an image larger and clearer."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__(config)
        self.swin2sr = Swin2SRModel(config)
        kind = UPSAMPLERS.get(config.upsampler)
        if kind is None:
            self.final_convolution = convolution(config.embed_dim, config.get("num_channels_out"))
        else:
            self.upsample = kind(config)

    def forward(self, pixel_values: Tensor | None = None, labels: Tensor | None = None) -> ImageSuperResolutionOutput:
        """Args:
        pixel_values: (B, C, Y, X), of any size, from 0 to 1. labels: None; the family publishes no loss.

        Returns:
            `reconstruction` (B, C, upscale * Y, upscale * X), about from 0 to 1.
        """
        if labels is not None:
            raise InputError(
                f"{type(self).__name__} has no loss of its own, so labels mean nothing to it; compute one of reconstruction,"
                " such as torch.nn.functional.l1_loss"
            )
        config = self.config
        pixels = check_pixels(pixel_values, config.num_channels, 1, None)
        mapped = self.swin2sr(pixels).last_hidden_state
        scale = config.upscale if config.upsampler in UPSAMPLERS else 1
        height, width = (scale * edge for edge in pixels.shape[2:])
        if config.upsampler == "pixelshuffle_aux":
            enlarged = interpolate(pixels, size=(height, width), mode="bicubic", align_corners=False)
            made, _ = self.upsample(mapped, enlarged.to(mapped.dtype), height, width)
        elif config.upsampler in UPSAMPLERS:
            made = self.upsample(mapped)
        else:
            made = pixels + self.final_convolution(mapped)[:, :, :height, :width]
        made = made / config.img_range + self.swin2sr.mean(made)
        return ImageSuperResolutionOutput(reconstruction=made[:, :, :height, :width])

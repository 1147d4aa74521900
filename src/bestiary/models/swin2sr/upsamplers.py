"""How a map of an image becomes the larger image (Shi et al. 2016, sub-pixel convolution; Liang et al. 2021, "SwinIR")."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from . import Swin2SRConfig

INNER = 64  # channels of the larger maps


def convolution(inner: int, outer: int) -> nn.Conv2d:
    """3 x 3, the size of the map stays."""
    return nn.Conv2d(inner, outer, 3, padding=1)


class Upsample(nn.Module):
    """A map enlarged by sub-pixel convolutions, doubled as often as `scale` says, or once by 3."""

    def __init__(self, scale: int, num_features: int) -> None:
        super().__init__()
        self.scale = scale
        steps: dict[str, nn.Module] = {}
        if scale == 3:
            steps = {"convolution": convolution(num_features, 9 * num_features), "pixelshuffle": nn.PixelShuffle(3)}
        else:
            for place in range(scale.bit_length() - 1):
                steps[f"convolution_{place}"] = convolution(num_features, 4 * num_features)
                steps[f"pixelshuffle_{place}"] = nn.PixelShuffle(2)
        for name, step in steps.items():
            self.add_module(name, step)

    def forward(self, hidden_state: Tensor) -> Tensor:
        """(B, C, y, x) -> (B, C, Y, X)."""
        for step in self.children():
            hidden_state = step(hidden_state)
        return hidden_state


class UpsampleOneStep(nn.Module):
    """The larger image by one sub-pixel convolution."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.conv = convolution(config.embed_dim, config.upscale**2 * config.get("num_channels_out"))
        self.pixel_shuffle = nn.PixelShuffle(config.upscale)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.pixel_shuffle(self.conv(x))
        return output


class PixelShuffleUpsampler(nn.Module):
    """The larger image by sub-pixel convolutions of 64 channels."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.conv_before_upsample = convolution(config.embed_dim, INNER)
        self.activation = nn.LeakyReLU(inplace=True)
        self.upsample = Upsample(config.upscale, INNER)
        self.final_convolution = convolution(INNER, config.get("num_channels_out"))

    def forward(self, sequence_output: Tensor) -> Tensor:
        output: Tensor = self.final_convolution(self.upsample(self.activation(self.conv_before_upsample(sequence_output))))
        return output


class NearestConvUpsampler(nn.Module):
    """The image four times as large by repeated pixels, twice, with convolutions behind."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.conv_before_upsample = convolution(config.embed_dim, INNER)
        self.activation = nn.LeakyReLU(inplace=True)
        self.conv_up1, self.conv_up2 = convolution(INNER, INNER), convolution(INNER, INNER)
        self.conv_hr = convolution(INNER, INNER)
        self.final_convolution = convolution(INNER, config.get("num_channels_out"))
        self.lrelu = nn.LeakyReLU(negative_slope=0.2, inplace=True)

    def forward(self, sequence_output: Tensor) -> Tensor:
        x = self.activation(self.conv_before_upsample(sequence_output))
        for convolve in (self.conv_up1, self.conv_up2):
            x = self.lrelu(convolve(interpolate(x, scale_factor=2, mode="nearest")))
        output: Tensor = self.final_convolution(self.lrelu(self.conv_hr(x)))
        return output


class PixelShuffleAuxUpsampler(nn.Module):
    """As `PixelShuffleUpsampler`, over a small image that is told too, and beside the input enlarged."""

    def __init__(self, config: Swin2SRConfig) -> None:
        super().__init__()
        self.upscale, channels = config.upscale, config.get("num_channels_out")
        self.conv_bicubic = convolution(config.num_channels, INNER)
        self.conv_before_upsample = convolution(config.embed_dim, INNER)
        self.activation = nn.LeakyReLU(inplace=True)
        self.conv_aux = convolution(INNER, config.num_channels)
        self.conv_after_aux = nn.Sequential(convolution(config.num_channels, INNER), nn.LeakyReLU(inplace=True))
        self.upsample = Upsample(config.upscale, INNER)
        self.final_convolution = convolution(INNER, channels)

    def forward(self, sequence_output: Tensor, bicubic: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """A map (B, D, y, x), the input at the size of the result -> the result, of `height` and `width`, and the small one."""
        beside = self.conv_bicubic(bicubic)
        small = self.conv_aux(self.activation(self.conv_before_upsample(sequence_output)))
        x = self.upsample(self.conv_after_aux(small))[:, :, :height, :width] + beside[:, :, :height, :width]
        return self.final_convolution(x), small


UPSAMPLERS: dict[str | None, Any] = {
    "pixelshuffle": PixelShuffleUpsampler,
    "pixelshuffle_aux": PixelShuffleAuxUpsampler,
    "pixelshuffledirect": UpsampleOneStep,
    "nearest+conv": NearestConvUpsampler,
}

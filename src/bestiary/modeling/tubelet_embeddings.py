"""Films as the first layer of their models sees them: tubes of some frames and pixels."""

from typing import ClassVar

from torch import Tensor, nn

from ..nn.alias import Alias
from .film_config import FilmConfig


class TubeletEmbeddings(nn.Module):
    """Each tube flattened and projected: one convolution whose stride is its size (Arnab et al. 2021, 3.2).

    Class attributes: `projection_name`, that of the convolution; `channels_name`, the field that counts channels.
    """

    projection_name: ClassVar[str] = "projection"
    channels_name: ClassVar[str] = "num_channels"
    hidden_size = Alias("config.hidden_size")

    def __init__(self, config: FilmConfig) -> None:
        super().__init__()
        self.config, tube = config, config.tube()
        channels = config.get(self.channels_name)
        self.add_module(self.projection_name, nn.Conv3d(channels, config.get("hidden_size"), kernel_size=tube, stride=tube))

    @property
    def num_channels(self) -> int:
        """Channels of a frame."""
        channels: int = self.config.get(self.channels_name)
        return channels

    @property
    def num_patches(self) -> int:
        """Tubes of a film of the usual size."""
        frames, rows, columns = self.config.tubes()
        return frames * rows * columns

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, T, C, Y, X) -> (B, tubes, D), frame by frame and row by row."""
        project = self.get_submodule(self.projection_name)
        weight: Tensor = project.get_parameter("weight")
        output: Tensor = project(pixel_values.transpose(1, 2).to(weight.dtype)).flatten(2).transpose(1, 2)
        return output

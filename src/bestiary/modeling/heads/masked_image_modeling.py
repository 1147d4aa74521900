"""Masked patches of an image painted by one dense layer (Xie et al. 2022, SimMIM)."""

from abc import abstractmethod
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from ...core.outputs import MaskedImageModelingOutput
from ...nn.patches import check_pixels, grid, pair
from ..config import PreTrainedConfig
from .headed import Headed, recorded


class MaskedImagePainter(Headed):
    """`reconstruction` (B, C, Y, X) of an image by `decoder`, from a state to `encoder_stride` pixels a side."""

    output_class: ClassVar[Any] = MaskedImageModelingOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        stride = config.get("encoder_stride")
        pixels = nn.Conv2d(self.state_width(), stride**2 * config.get("num_channels"), kernel_size=1)
        self.decoder = nn.Sequential(pixels, nn.PixelShuffle(stride))

    def state_width(self) -> int:
        """The width of the backbone's states."""
        width: int = self.config.get("hidden_size")
        return width

    @abstractmethod
    def states_in_rows(self, output: Any, size: tuple[int, int]) -> Tensor:
        """The states (B, D, y, x) of the patches in the output of the backbone, for images of this height and width."""

    def check_strides(self) -> None:
        """Refuse settings by which pixels that were painted cannot be compared with those that were masked."""

    def forward(
        self, pixel_values: Tensor | None = None, bool_masked_pos: Tensor | None = None, **inputs: Any
    ) -> MaskedImageModelingOutput:
        """bool_masked_pos: (B, patches), True where masked; then `loss` is the mean absolute error of the masked pixels."""
        if bool_masked_pos is not None:
            self.check_strides()
        patch, channels = self.config.get("patch_size"), self.config.get("num_channels")
        output = self.run_backbone(pixel_values, bool_masked_pos, **inputs)
        pixels = check_pixels(pixel_values, channels, patch, None)
        painted = self.decoder(self.states_in_rows(output, (pixels.shape[-2], pixels.shape[-1])))
        loss = None
        if bool_masked_pos is not None:
            (rows, columns), (height, width) = grid(pixels.shape[-2:], patch), pair(patch)
            masked = bool_masked_pos.to(painted.dtype).view(-1, 1, rows, columns)
            masked = masked.repeat_interleave(height, 2).repeat_interleave(width, 3)
            targets = pixels[..., : rows * height, : columns * width]
            # The small number keeps the loss of an image without masked patches at zero.
            loss = ((painted - targets).abs() * masked).sum() / (masked.sum() + 1e-5) / channels
        painting = self.output_class(loss=loss, reconstruction=painted, **recorded(output))
        return cast(MaskedImageModelingOutput, painting)

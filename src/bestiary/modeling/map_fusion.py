"""Maps of several scales fused, from coarse to fine, by residual convolutions (Lin et al. 2017, "RefineNet")."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import interpolate

from .config import PreTrainedConfig


class ResidualUnit(nn.Module):
    """x + conv(relu(conv(relu(x)))), perhaps with a batch norm behind each convolution."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size, norms = config.get("fusion_hidden_size"), bool(config.get("use_batch_norm_in_fusion_residual"))
        bias = config.get("use_bias_in_fusion_residual")
        bias = not norms if bias is None else bias
        self.convolution1 = nn.Conv2d(size, size, 3, padding=1, bias=bias)
        self.convolution2 = nn.Conv2d(size, size, 3, padding=1, bias=bias)
        eps = config.get("batch_norm_eps", 1e-5)
        self.batch_norm1 = nn.BatchNorm2d(size, eps) if norms else None
        self.batch_norm2 = nn.BatchNorm2d(size, eps) if norms else None

    def forward(self, hidden_state: Tensor) -> Tensor:
        """The same shape."""
        x = hidden_state
        for convolution, norm in ((self.convolution1, self.batch_norm1), (self.convolution2, self.batch_norm2)):
            x = convolution(x.relu())
            x = x if norm is None else norm(x)
        return x + hidden_state


class FusionLayer(nn.Module):
    """What is fused so far plus the next finer map, refined and enlarged."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size = config.get("fusion_hidden_size")
        self.projection = nn.Conv2d(size, size, 1)
        self.residual_layer1 = ResidualUnit(config)
        self.residual_layer2 = ResidualUnit(config)

    def forward(
        self, hidden_state: Tensor, residual: Tensor | None = None, size: Any = None, prompt_depth: Tensor | None = None
    ) -> Tensor:
        """(B, C, Y, X) and a map (B, C, y, x) -> (B, C, 2 * Y, 2 * X), or of height and width in `size`.

        Args:
            prompt_depth: what `prompted` may look at.
        """
        x = hidden_state
        if residual is not None:
            if residual.shape != x.shape:
                residual = interpolate(residual, size=x.shape[2:], mode="bilinear", align_corners=False)
            x = x + self.residual_layer1(residual)
        x = self.prompted(self.residual_layer2(x), prompt_depth)
        scale = 2 if size is None else None
        output: Tensor = self.projection(interpolate(x, size, scale, mode="bilinear", align_corners=True))
        return output

    def prompted(self, x: Tensor, prompt_depth: Tensor | None) -> Tensor:
        """What is refined, before it is enlarged."""
        return x


class FusionStage(nn.Module):
    """A step for each map.

    Class attributes:
        layer_class: the step, built as `layer_class(config)`.
        to_next: whether each step enlarges to exactly the size of the next finer map, or twice.
    """

    layer_class: ClassVar[type[FusionLayer]] = FusionLayer
    to_next: ClassVar[bool] = False

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(self.layer_class(config) for _ in config.get("neck_hidden_sizes"))

    def forward(self, hidden_states: Sequence[Tensor], prompt_depth: Tensor | None = None) -> list[Tensor]:
        """Maps (B, C, y, x), fine to coarse -> what is fused behind each step, coarse to fine."""
        ordered = list(hidden_states)[::-1]
        fused: list[Tensor] = []
        for place, (each, layer) in enumerate(zip(ordered, self.layers, strict=True)):
            size = ordered[place + 1].shape[2:] if self.to_next and place + 1 < len(ordered) else None
            first, second = (fused[-1], each) if fused else (each, None)
            fused.append(layer(first, second, size, prompt_depth))
        return fused

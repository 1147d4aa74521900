"""What of Falcon Mamba is not Mamba."""

from torch import Tensor

from ...nn.norm import weightless_rms_norm
from ..mamba.model import MambaMixer
from . import FalconMambaConfig


class FalconMambaMixer(MambaMixer):
    """Mamba's mixer, with a norm on the step, on B and on C."""

    def __init__(self, config: FalconMambaConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.rms_eps = config.mixer_rms_eps

    def selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        delta, b, c = (weightless_rms_norm(part, self.rms_eps) for part in super().selected(x))
        return delta, b, c

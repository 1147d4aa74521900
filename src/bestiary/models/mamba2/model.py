"""What of Mamba 2 is not Mamba: the mixer. Parameter names and layouts are the published ones."""

import math

from ...modeling.state_space import StateSpaceMixer
from ...nn.alias import Alias
from ...nn.init import uniform
from . import Mamba2Config


class Mamba2Mixer(StateSpaceMixer):
    """The mixer, whose weights start as Mamba's do."""

    time_step_rank = Alias("config.time_step_rank")

    def __init__(self, config: Mamba2Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        depth = math.sqrt(config.num_hidden_layers) if config.rescale_prenorm_residual else 1.0
        self.starts = {
            **self.starts,
            "conv1d.weight": uniform(config.conv_kernel**-0.5),
            "out_proj.weight": uniform(self.space.inner**-0.5 / depth),
        }

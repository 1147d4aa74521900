"""The hyperparameters that hybrids of attention and layers of Mamba 2 share. Needs no torch."""

from ..core.errors import ConfigError
from ..core.kinds import Length, Rate, Size
from .decoder_config import DecoderConfig
from .state_space_config import NO_LIMITS, Limits, StateSpace


class HybridConfig(DecoderConfig):
    """Base of the configs of Bamba and its relatives; the defaults are Bamba's.

    The layers of Mamba 2 have `mamba_n_heads` heads of `mamba_d_head` channels ("auto": what makes `mamba_expand` times the
    hidden size), each with `mamba_d_state` numbers for a channel; `mamba_n_groups` groups of heads share B and C. The
    convolution sees `mamba_d_conv` inputs, `mamba_chunk_size` positions are computed at once, `time_step_limit` bounds steps.
    """

    num_key_value_heads: Size | None = 8
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    mamba_n_heads: Size = 128
    mamba_d_head: Size | str = "auto"
    mamba_n_groups: Size = 1
    mamba_d_state: Size = 256
    mamba_d_conv: Size = 4
    mamba_expand: Size = 2
    mamba_chunk_size: Length = 256
    mamba_conv_bias: bool = True
    mamba_proj_bias: bool = False
    time_step_limit: Limits = NO_LIMITS
    attention_bias: bool = False
    mlp_bias: bool = False

    def validate(self) -> None:
        super().validate()
        inner = self.state_space_width
        if self.mamba_d_head == "auto":
            self.mamba_d_head = inner // self.mamba_n_heads
        if isinstance(self.mamba_d_head, str) or self.state_space.inner != inner:
            raise ConfigError(
                f"{type(self).__name__}: mamba_n_heads is {self.mamba_n_heads} and mamba_d_head {self.mamba_d_head!r}; their"
                f" product must be the width of the state-space layers, {inner}"
            )

    @property
    def state_space_width(self) -> int:
        """The channels of a layer of Mamba 2."""
        return self.mamba_expand * self.hidden_size

    @property
    def state_space(self) -> StateSpace:
        """The sizes of the layers of Mamba 2."""
        return StateSpace(
            heads=self.mamba_n_heads,
            head_dim=int(self.mamba_d_head),
            state_size=self.mamba_d_state,
            groups=self.mamba_n_groups,
            kernel=self.mamba_d_conv,
            chunk=self.mamba_chunk_size,
            eps=self.rms_norm_eps,
            act=self.hidden_act,
            bias=self.mamba_proj_bias,
            conv_bias=self.mamba_conv_bias,
            limits=self.time_step_limit,
        )

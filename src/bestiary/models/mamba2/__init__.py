"""Mamba 2 (Dao and Gu 2024): Mamba with heads, whose states decay as a whole, so that a text is computed in chunks.

Differs from Mamba: step, B and C come from the first projection, groups of heads share B and C, and a gated norm stands before
the last projection.

Paper: https://arxiv.org/abs/2405.21060
"""

import math
from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, EndlessPositive, Length, Positive, Rate, Size
from ...modeling.config import PreTrainedConfig
from ...modeling.state_space_config import NO_LIMITS, Limits, StateSpace
from ...modeling.variant import Import, variant
from .. import mamba


class Mamba2Config(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the published code (Codestral Mamba's sizes).

    `time_step_limit` bounds the steps; the other `time_step_*` and `rescale_prenorm_residual` say how weights start. A
    `time_step_rank` of "auto" is a sixteenth of the hidden size, rounded up; no weight has this size.
    """

    model_type: ClassVar[str] = "mamba2"

    num_heads: Size = 128
    head_dim: Size = 64
    vocab_size: Length = 32768
    hidden_size: Size = 4096
    state_size: Size = 128
    num_hidden_layers: Depth = 64
    layer_norm_epsilon: Rate = 1e-5
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    expand: Size = 2
    conv_kernel: Size = 4
    n_groups: Size = 8
    use_bias: bool = False
    use_conv_bias: bool = True
    hidden_act: str = "silu"
    initializer_range: Amount = 0.1
    residual_in_fp32: bool = True
    time_step_rank: Size | str = "auto"
    time_step_min: Positive = 0.001
    time_step_max: EndlessPositive = 0.1
    time_step_floor: Amount = 1e-4
    time_step_limit: Limits = NO_LIMITS
    rescale_prenorm_residual: bool = False
    chunk_size: Size = 256
    tie_word_embeddings: bool = False
    use_cache: bool = True

    def validate(self) -> None:
        super().validate()
        if self.time_step_rank == "auto":
            self.time_step_rank = math.ceil(self.hidden_size / 16)
        if isinstance(self.time_step_rank, str):
            raise ConfigError(f"Mamba2Config: time_step_rank is {self.time_step_rank!r}; expected a number or 'auto'")
        if self.state_space.inner != self.expand * self.hidden_size:
            raise ConfigError(
                f"Mamba2Config: num_heads {self.num_heads} times head_dim {self.head_dim} is not expand {self.expand} times"
                f" hidden_size {self.hidden_size}"
            )

    @property
    def state_space(self) -> StateSpace:
        """The sizes of the mixers."""
        return StateSpace(
            heads=self.num_heads,
            head_dim=self.head_dim,
            state_size=self.state_size,
            groups=self.n_groups,
            kernel=self.conv_kernel,
            chunk=self.chunk_size,
            eps=self.layer_norm_epsilon,
            act=self.hidden_act,
            bias=self.use_bias,
            conv_bias=self.use_conv_bias,
            limits=self.time_step_limit,
            starts=(self.time_step_min, self.time_step_max, self.time_step_floor),
        )

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.num_hidden_layers


TASKS = {"base": "Mamba2Model", "causal-lm": "Mamba2ForCausalLM"}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, Mamba2Config, TASKS, mamba, {"Mixer": Import(".model.Mamba2Mixer")})

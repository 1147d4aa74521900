"""Mamba (Gu and Dao 2023): a language model without attention, whose layers are selective state-space models.

Differs from decoders with attention: a layer keeps a state of fixed size instead of keys and values, so a token costs the same
however long the text is, and there are no positions. Its tokenizer is GPT-NeoX's, which `tokenizer.json` describes whole.

Paper: https://arxiv.org/abs/2312.00752
"""

import math
from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, EndlessPositive, Length, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig

SCHEMES = ("random", "constant")


class MambaConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the smallest published model.

    `intermediate_size` is `expand` times the hidden size where it is None; a `time_step_rank` of "auto" is a sixteenth of the
    hidden size, rounded up. `time_step_*` and `rescale_prenorm_residual` say how weights start. Files also hold `use_mambapy`
    and `use_associative_scan`, which choose between programs that compute the same, and here there is one.
    """

    model_type: ClassVar[str] = "mamba"

    vocab_size: Length = 50280
    hidden_size: Size = 768
    intermediate_size: Size | None = None
    state_size: Size = 16
    num_hidden_layers: Depth = 32
    layer_norm_epsilon: Rate = 1e-5
    pad_token_id: int | None = 0
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 0
    expand: Size = 2
    conv_kernel: Size = 4
    use_bias: bool = False
    use_conv_bias: bool = True
    hidden_act: str = "silu"
    initializer_range: Amount = 0.1
    residual_in_fp32: bool = True
    time_step_rank: Size | str = "auto"
    time_step_scale: Amount = 1.0
    time_step_min: Positive = 0.001
    time_step_max: EndlessPositive = 0.1
    time_step_init_scheme: str = "random"
    time_step_floor: Amount = 1e-4
    rescale_prenorm_residual: bool = False
    use_mambapy: bool = False
    use_associative_scan: bool = True
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.intermediate_size = self.intermediate_size or self.expand * self.hidden_size
        if self.time_step_rank == "auto":
            self.time_step_rank = math.ceil(self.hidden_size / 16)
        if isinstance(self.time_step_rank, str):
            raise ConfigError(f"MambaConfig: time_step_rank is {self.time_step_rank!r}; expected a number or 'auto'")
        if self.time_step_init_scheme not in SCHEMES:
            raise ConfigError(
                f"MambaConfig: time_step_init_scheme is {self.time_step_init_scheme!r}; expected one of {', '.join(SCHEMES)}"
            )

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.num_hidden_layers


TASKS = {"base": "MambaModel", "causal-lm": "MambaForCausalLM"}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

__getattr__, __dir__ = lazy(
    __name__, {"model": ["MambaPreTrainedModel", "MambaOutput", "MambaCausalLMOutput", *TASKS.values()]}
)

"""CodeGen (Nijkamp et al. 2022): GPT-J trained on programs.

Differs from GPT-J: one projection for queries, values and keys, laid out for the four devices of a machine it was trained on.

Paper: https://arxiv.org/abs/2203.13474
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Length
from ...modeling.variant import Import, variant
from .. import gptj
from ..gptj import GPTJConfig

DEVICES = 4


class CodeGenConfig(GPTJConfig):
    """Hyperparameters; the defaults are those of the published class. `n_ctx` is the same as `n_positions` in old files."""

    model_type: ClassVar[str] = "codegen"

    n_ctx: Length = 2048

    def validate(self) -> None:
        super().validate()
        if self.n_head % DEVICES:
            raise ConfigError(f"CodeGenConfig: n_head is {self.n_head}; the layout of its projections needs a multiple of 4")


TASKS = {"base": "CodeGenModel", "causal-lm": "CodeGenForCausalLM"}

PREPROCESSORS = {"tokenizer": "CodeGenTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import CodeGenTokenizer, CodeGenTokenizerFast  # noqa: F401

__getattr__, __dir__ = variant(
    __name__,
    CodeGenConfig,
    TASKS,
    gptj,
    {"Attention": Import(".model.CodeGenAttention")},
    {"tokenizer": ["CodeGenTokenizer", "CodeGenTokenizerFast"]},
)

"""OLMo 3 (OLMo Team 2025): OLMo 2 with windows in three of four layers; only the others turn by scaled positions.

Paper: https://arxiv.org/abs/2512.13961
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length
from ...modeling.variant import variant
from .. import llama
from ..olmo2 import CHANGES, Olmo2Config


class Olmo3Config(Olmo2Config):
    """Hyperparameters; the defaults are OLMo 3 7B's.

    The older `rope_scaling` and `rope_theta` are of the layers without a window.
    """

    model_type: ClassVar[str] = "olmo3"
    default_theta: ClassVar[float] = 500_000.0

    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None

    def validate(self) -> None:
        scaling, theta = (self.__dict__.pop(name, None) for name in ("rope_scaling", "rope_theta"))
        tables = self.tables_of_kinds()
        older = {name: value for name, value in {"rope_theta": theta, **(scaling or {})}.items() if value is not None}
        full, sliding = {**older, **tables.get("full_attention", {})}, tables.get("sliding_attention", {})
        self.rope_parameters = {"sliding_attention": sliding, "full_attention": full}
        super().validate()

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(4)


TASKS = {
    "base": "Olmo3Model",
    "causal-lm": "Olmo3ForCausalLM",
    "sequence-classification": "Olmo3ForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, Olmo3Config, TASKS, llama, CHANGES)

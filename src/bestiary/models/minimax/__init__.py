"""MiniMax-Text-01 (MiniMax 2025): Mixtral of whose layers seven in eight have lightning attention, which keeps a state.

Differs from Mixtral: lightning attention (Qin et al. 2024), in which what a head remembers fades at a fixed rate; and what the
halves of a block give is added to the normed states, either times a factor.

Paper: https://arxiv.org/abs/2501.08313
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Length
from ...modeling.variant import Import, variant
from .. import llama
from ..mixtral import MixtralConfig


class MiniMaxConfig(MixtralConfig):
    """Hyperparameters; the defaults are those of the published code.

    Layers of the kind "linear_attention" have lightning attention, `block_size` positions of which are computed at once;
    without `layer_types` they are every other, from the second on. Half a block gives `*_alpha_factor` times its normed states
    plus `*_beta_factor` times what it makes of them.
    """

    model_type: ClassVar[str] = "minimax"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "num_local_experts"}

    layer_types: list[str] | None = None
    block_size: Length = 256
    full_attn_alpha_factor: Amount = 1
    full_attn_beta_factor: Amount = 1
    linear_attn_alpha_factor: Amount = 1
    linear_attn_beta_factor: Amount = 1
    mlp_alpha_factor: Amount = 1
    mlp_beta_factor: Amount = 1

    def usual_layer_types(self) -> list[str]:
        return [("full_attention", "linear_attention")[index % 2] for index in range(self.num_hidden_layers)]

    def layer_kinds(self) -> tuple[str, ...]:
        windowed = {} if self.sliding_window is None else {"full_attention": "sliding_attention"}
        return tuple(windowed.get(kind, kind) for kind in super().layer_kinds())


TASKS = {
    "base": "MiniMaxModel",
    "causal-lm": "MiniMaxForCausalLM",
    "sequence-classification": "MiniMaxForSequenceClassification",
    "token-classification": "MiniMaxForTokenClassification",
    "question-answering": "MiniMaxForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    MiniMaxConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "_weight_rules": Import("bestiary.models.mixtral.weights.RULES"),
            "_keys_to_ignore_on_load_missing": [r"\.(slope_rate|query_decay|key_decay|diagonal_decay)$"],
        },
        "DecoderLayer": Import(".model.MiniMaxDecoderLayer"),
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
        "ForQuestionAnswering": {"base_model_prefix": "model"},
    },
)

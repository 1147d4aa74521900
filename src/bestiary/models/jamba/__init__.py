"""Jamba (Lieber et al. 2024): a hybrid of attention and Mamba, every other of whose MLPs is a mixture of experts.

Differs from Llama: no positions, one layer of `attn_layer_period` has attention and the others Mamba's mixer with norms on the
step, B and C; one of `expert_layer_period` has experts, whose shares need not add up to 1.

Paper: https://arxiv.org/abs/2403.19887
"""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Experts, Length, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import llama


class JambaConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    Layer `attn_layer_offset` of each `attn_layer_period` has attention, layer `expert_layer_offset` of each
    `expert_layer_period` has experts. The mixers' widths are `mamba_expand` times the hidden size, `mamba_d_state`,
    `mamba_d_conv` inputs and `mamba_dt_rank` ("auto": a sixteenth of the hidden size, rounded up). Files also hold
    `use_mamba_kernels`, `use_mambapy` and `use_associative_scan`, which choose between programs that compute the same.
    """

    model_type: ClassVar[str] = "jamba"
    attribute_map: ClassVar[dict[str, str]] = {"num_local_experts": "num_experts"}

    vocab_size: Length = 65536
    intermediate_size: Size = 14336
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 262144
    pad_token_id: int | None = 0
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    num_experts_per_tok: Experts = 2
    num_experts: Experts = 16
    expert_layer_period: Size = 2
    expert_layer_offset: Count = 1
    attn_layer_period: Size = 8
    attn_layer_offset: Count = 4
    use_mamba_kernels: bool = True
    mamba_d_state: Size = 16
    mamba_d_conv: Size = 4
    mamba_expand: Size = 2
    mamba_dt_rank: Size | str = "auto"
    mamba_conv_bias: bool = True
    mamba_proj_bias: bool = False
    use_mambapy: bool = False
    use_associative_scan: bool = True

    def validate(self) -> None:
        super().validate()
        if self.mamba_dt_rank == "auto":
            self.mamba_dt_rank = math.ceil(self.hidden_size / 16)
        if isinstance(self.mamba_dt_rank, str):
            raise ConfigError(f"JambaConfig: mamba_dt_rank is {self.mamba_dt_rank!r}; expected a number or 'auto'")
        for kind in ("attn", "expert"):
            offset, period = self.get(f"{kind}_layer_offset"), self.get(f"{kind}_layer_period")
            if offset >= period:
                raise ConfigError(
                    f"JambaConfig: {kind}_layer_offset is {offset}; expected less than {kind}_layer_period, which is {period}"
                )

    def layer_kinds(self) -> tuple[str, ...]:
        offsets = (index % self.attn_layer_period for index in range(self.num_hidden_layers))
        return tuple("full_attention" if offset == self.attn_layer_offset else "linear_attention" for offset in offsets)

    def has_experts(self, layer_idx: int) -> bool:
        return self.num_experts > 1 and layer_idx % self.expert_layer_period == self.expert_layer_offset

    @property
    def layer_types(self) -> list[str]:
        """The kind of each layer."""
        return list(self.layer_kinds())

    @property
    def layers_block_type(self) -> list[str]:
        """The kind of each layer, "attention" or "mamba"."""
        return ["attention" if kind == "full_attention" else "mamba" for kind in self.layer_kinds()]

    @property
    def layers_num_experts(self) -> list[int]:
        """How many experts each layer has, or 1."""
        return [self.num_experts if self.has_experts(index) else 1 for index in range(self.num_hidden_layers)]

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        """None: there are no positions."""
        return {}


TASKS = {
    "base": "JambaModel",
    "causal-lm": "JambaForCausalLM",
    "sequence-classification": "JambaForSequenceClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    JambaConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "stacks": {"": Stack("layers", final="final_layernorm")},
            "_weight_rules": Import(".model.RULES"),
        },
        "Attention": {"bias": False},
        "DecoderLayer": {
            "state_class": Import(".model.JambaMambaMixer"),
            "mixture_class": Import(".model.JambaSparseMoeBlock"),
            "norm_names": ("input_layernorm", None, "pre_ff_layernorm", None),
            "mlp_name": "feed_forward",
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)

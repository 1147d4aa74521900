"""Falcon-H1 (TII 2025): a hybrid each of whose layers has attention and Mamba 2 side by side, with factors on what they read.

Differs from Bamba: both read the same states and their outputs are added; heads turn as a whole; the norm behind the scan is
left out, or stands before the gate; and factors stand on embeddings, keys, projections, MLPs and logits.

Paper: https://arxiv.org/abs/2507.22448
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Length, Size
from ...modeling.hybrid_config import HybridConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import llama

Factors = list[Amount]


class FalconH1Config(HybridConfig):
    """Hyperparameters: the mixers as `HybridConfig` says, `mamba_d_ssm` channels wide (null: `mamba_expand` times the states).

    With `mamba_rms_norm` a norm stands behind the scan, before the gate opens or, without `mamba_norm_before_gate`, after it.
    `projectors_bias` is of the mixers' last projection. `ssm_multipliers` are of the gate, the inputs, B, C and the steps;
    `mlp_multipliers` of the gate and of the output; `ssm_in_multiplier` and `attention_in_multiplier` of what the mixer and
    the attention read, `ssm_out_multiplier` and `attention_out_multiplier` of what they give. `num_logits_to_keep` of files
    tells programs how many logits of a prompt they need.
    """

    model_type: ClassVar[str] = "falcon_h1"
    internal_map: ClassVar[dict[str, str]] = {"logit_scale": "lm_head_multiplier"}

    vocab_size: Length = 128000
    intermediate_size: Size = 14336
    max_position_embeddings: Length = 8192
    num_logits_to_keep: int | None = 1
    mamba_d_ssm: Size | None = 1024
    mamba_norm_before_gate: bool = True
    mamba_rms_norm: bool = False
    projectors_bias: bool = False
    lm_head_multiplier: Amount = 1.0
    embedding_multiplier: Amount = 1.0
    mlp_multipliers: Factors | None = None
    key_multiplier: Amount = 1.0
    attention_out_multiplier: Amount = 1.0
    attention_in_multiplier: Amount = 1.0
    ssm_multipliers: Factors | None = None
    ssm_in_multiplier: Amount = 1.0
    ssm_out_multiplier: Amount = 1.0

    def validate(self) -> None:
        super().validate()
        for name, count in (("mlp_multipliers", 2), ("ssm_multipliers", 5)):
            factors = self.get(name)
            if factors is None:
                setattr(self, name, [1.0] * count)
            elif len(factors) != count:
                raise ConfigError(f"FalconH1Config: {name} has {len(factors)} factors; expected {count}")

    @property
    def state_space_width(self) -> int:
        return super().state_space_width if self.mamba_d_ssm is None else self.mamba_d_ssm

    def layer_kinds(self) -> tuple[str, ...]:
        return ("hybrid",) * self.num_hidden_layers

    @property
    def layers_block_type(self) -> list[str]:
        """The kind of each layer; also `layer_types`."""
        return list(self.layer_kinds())

    layer_types = layers_block_type


TASKS = {"base": "FalconH1Model", "causal-lm": "FalconH1ForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    FalconH1Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"stacks": {"": Stack("layers", final="final_layernorm")}},
        "Attention": Import(".model.FalconH1Attention"),
        "MLP": Import(".model.FalconH1MLP"),
        "DecoderLayer": Import(".model.FalconH1DecoderLayer"),
        "Model": Import(".model.FalconH1Model"),
    },
)

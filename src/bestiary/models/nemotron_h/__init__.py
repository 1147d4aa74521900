"""Nemotron-H and Nemotron 3 (NVIDIA 2025): a hybrid each of whose layers is one thing: Mamba 2, attention, an MLP or experts.

Differs from Bamba: blocks have one half, nothing turns with positions, MLPs and experts have no gate (squared ReLU), and
experts may work on narrower states than those of the blocks.

Paper: https://arxiv.org/abs/2504.03624
"""

import math
from typing import TYPE_CHECKING, Any, ClassVar

from ...cache.layer_types import OLDER_KINDS
from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, EndlessPositive, Experts, Length, Positive, Rate, Size, check
from ...modeling.decoder_config import DecoderConfig
from ...modeling.stack import Stack
from ...modeling.state_space_config import NO_LIMITS, Limits, StateSpace
from ...modeling.variant import Import, variant
from .. import llama

_LETTERS = {"M": "linear_attention", "*": "full_attention", "-": "mlp", "E": "moe"}
_KINDS = {kind: letter for letter, kind in _LETTERS.items()}
_OLDER = {"mamba_n_groups": "n_groups", "mamba_d_conv": "conv_kernel", "mamba_chunk_size": "chunk_size"}
_OLDER |= {"mamba_dt_min": "time_step_min", "mamba_dt_max": "time_step_max", "mamba_dt_limit": "time_step_limit"}
_OLDER |= {"mamba_dt_init_floor": "time_step_floor", "mamba_conv_bias": "use_conv_bias", "mamba_expand": "expand"}


class NemotronHConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    `layers_block_type` is the kind of each layer: "linear_attention" (Mamba 2), "full_attention", "mlp" or "moe"; older files
    say it by letters, `hybrid_override_pattern` ("M*-E"). `num_hidden_layers` follows from it. Steps are at least
    `time_step_min`. With `moe_latent_size` experts work on states of so many numbers. `num_nextn_predict_layers` and
    `mtp_layers_block_type` are of layers for drafts, which files hold besides. Files also hold `expand`, `time_step_limit`,
    `use_mamba_kernels`, `mamba_proj_bias`, `mamba_ssm_cache_dtype`, `moe_shared_expert_overlap`, `residual_in_fp32` and
    `hidden_dropout`, which the published model does not read.
    """

    model_type: ClassVar[str] = "nemotron_h"
    attribute_map: ClassVar[dict[str, str]] = {"layer_types": "layers_block_type", "num_local_experts": "n_routed_experts"}
    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "mlp_hidden_act", "rms_norm_eps": "layer_norm_epsilon"}

    vocab_size: Length = 131072
    layers_block_type: list[str] | None = None
    num_hidden_layers: Depth = 4
    num_logits_to_keep: int | None = 1
    pad_token_id: int | None = 0
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 4096
    attention_bias: bool = False
    sliding_window: Length | None = None
    intermediate_size: Size = 21504
    mlp_hidden_act: str = "relu2"
    mlp_bias: bool = False
    use_mamba_kernels: bool = True
    ssm_state_size: Size = 128
    mamba_num_heads: Size = 128
    mamba_head_dim: Size = 64
    mamba_hidden_act: str = "silu"
    n_groups: Size = 8
    conv_kernel: Size = 4
    expand: Size = 2
    time_step_min: Positive = 0.001
    time_step_max: EndlessPositive = 0.1
    time_step_limit: Limits = NO_LIMITS
    time_step_floor: Amount = 1e-4
    use_conv_bias: bool = True
    chunk_size: Size = 128
    mamba_proj_bias: bool = False
    mamba_ssm_cache_dtype: str = "float32"
    n_routed_experts: Experts = 8
    output_router_logits: bool = False
    n_shared_experts: Experts = 1
    moe_intermediate_size: Size = 7688
    moe_shared_expert_intermediate_size: Size = 7688
    moe_latent_size: Size | None = None
    moe_shared_expert_overlap: bool = True
    num_experts_per_tok: Experts = 2
    routed_scaling_factor: Amount = 1.0
    n_group: Experts = 1
    topk_group: Experts = 1
    norm_topk_prob: bool = True
    num_nextn_predict_layers: Count = 0
    mtp_layers_block_type: list[str] | None = None
    use_bias: bool = False
    layer_norm_epsilon: Rate = 1e-5
    residual_in_fp32: bool = False
    hidden_dropout: Rate = 0.0
    rescale_prenorm_residual: bool = True

    def validate(self) -> None:
        for older, name in _OLDER.items():
            if older in self.__dict__:
                setattr(self, name, self.__dict__.pop(older))
        self.layers_block_type = self._checked("layers_block_type", ["linear_attention", "moe", "full_attention", "mlp"])
        self.mtp_layers_block_type = self._checked("mtp_layers_block_type", ["full_attention", "moe"])
        self.num_hidden_layers = len(self.layers_block_type)
        super().validate()
        if "moe" in self.layers_block_type:
            self.check_expert_groups()

    def _checked(self, name: str, usual: list[str]) -> list[str]:
        """The kinds of layers by the field `name`, by their names of today."""
        kinds = [OLDER_KINDS.get(kind, kind) for kind in self.__dict__[name] or usual]
        for kind in kinds:
            if kind not in _LETTERS.values():
                raise ConfigError(
                    f"NemotronHConfig: {name} has {kind!r:.80}; expected some of {', '.join(_LETTERS.values())}, or in files of"
                    f" letters some of {''.join(_LETTERS)}"
                )
        return kinds

    @property
    def hybrid_override_pattern(self) -> str:
        """The kinds of the layers by letters; a file's are read where it has no `layers_block_type`."""
        return "".join(_KINDS[kind] for kind in self.layer_kinds())

    @hybrid_override_pattern.setter
    def hybrid_override_pattern(self, letters: str) -> None:
        check("NemotronHConfig", "hybrid_override_pattern", letters, str | list[str] | None)
        if self.layers_block_type is None and letters is not None:
            self.layers_block_type = [_LETTERS.get(letter, letter) for letter in letters]

    @property
    def mtp_hybrid_override_pattern(self) -> str:
        """The same of layers for drafts."""
        return "".join(_KINDS[kind] for kind in self.mtp_layers_block_type or ())

    @mtp_hybrid_override_pattern.setter
    def mtp_hybrid_override_pattern(self, letters: str) -> None:
        check("NemotronHConfig", "mtp_hybrid_override_pattern", letters, str | list[str] | None)
        if self.mtp_layers_block_type is None and letters is not None:
            self.mtp_layers_block_type = [_LETTERS.get(letter, letter) for letter in letters]

    def layer_kinds(self) -> tuple[str, ...]:
        return tuple(self.layers_block_type or ())

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        """None: there are no positions."""
        return {}

    @property
    def state_space(self) -> StateSpace:
        """The sizes of the layers of Mamba 2."""
        return StateSpace(
            heads=self.mamba_num_heads,
            head_dim=self.mamba_head_dim,
            state_size=self.ssm_state_size,
            groups=self.n_groups,
            kernel=self.conv_kernel,
            chunk=self.chunk_size,
            eps=self.layer_norm_epsilon,
            act=self.mamba_hidden_act,
            bias=self.use_bias,
            conv_bias=self.use_conv_bias,
            limits=(self.time_step_min, math.inf),
            starts=(self.time_step_min, self.time_step_max, self.time_step_floor),
        )


TASKS = {"base": "NemotronHModel", "causal-lm": "NemotronHForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    NemotronHConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "stacks": {"": Stack("layers", final="norm_f")},
            "_weight_rules": Import(".model.RULES"),
            "_keep_in_fp32_modules_strict": ["e_score_correction_bias"],
            "_keys_to_ignore_on_load_unexpected": [r"mtp.*"],  # layers for drafts
        },
        "DecoderLayer": Import(".model.NemotronHBlock"),
        "Model": Import(".model.NemotronHModel"),
        "ForCausalLM": {
            "output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast"),
            "_tied_weights_keys": {},
        },
    },
)

"""Kimi Linear (Kimi Team 2025): a hybrid of latent attention and Kimi Delta Attention, with the experts of DeepSeek-V3.

Differs from DeepSeek-V3: three of four layers have a memory, each channel of whose keys fades at a rate of its own, and nothing
turns with positions.

Paper: https://arxiv.org/abs/2510.26692
"""

from typing import TYPE_CHECKING, Any, ClassVar

from ...core.kinds import Amount, Count, Depth, Experts, Length, Rate, Size, check
from ...modeling.latent_config import LatentConfig
from ...modeling.variant import Import, variant
from .. import llama


class KimiLinearConfig(LatentConfig):
    """Hyperparameters; the defaults are those of the published code.

    Layers of the kind "linear_attention" have `linear_num_heads` heads of `linear_head_dim` numbers and a convolution that sees
    `linear_conv_kernel_dim` inputs; files say so in `linear_attn_config`, with the numbers, from 1 on, of the layers of either
    kind.
    """

    model_type: ClassVar[str] = "kimi_linear"
    attribute_map: ClassVar[dict[str, str]] = {
        "max_position_embeddings": "model_max_length",
        "norm_topk_prob": "moe_renormalize",
        "n_group": "num_expert_group",
        "num_local_experts": "num_experts",
        "num_experts_per_tok": "num_experts_per_token",
        "n_shared_experts": "num_shared_experts",
    }
    internal_map: ClassVar[dict[str, str]] = {"n_routed_experts": "num_experts"}

    older_kinds: ClassVar[dict[str, Any]] = {"linear_attn_config": dict[str, Any] | None}

    vocab_size: Length = 163840
    hidden_size: Size = 2304
    intermediate_size: Size = 9216
    moe_intermediate_size: Size = 1024
    num_hidden_layers: Depth = 27
    num_key_value_heads: Size | None = 32
    num_shared_experts: Experts = 1
    routed_scaling_factor: Amount = 2.446
    q_lora_rank: Size | None = None
    num_expert_group: Experts = 1
    topk_group: Experts | None = 1
    num_experts_per_token: Experts | None = 8
    moe_renormalize: bool = True
    model_max_length: Length = 1048576
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 163839
    bos_token_id: int | None = 163584
    eos_token_id: int | list[int] | None = 163586
    pretraining_tp: int | None = 1
    num_experts: Experts = 256
    first_k_dense_replace: Count = 1
    mlp_layer_types: list[str] | None = None
    layer_types: list[str] | None = None
    linear_head_dim: Size = 128
    linear_num_heads: Size = 32
    linear_conv_kernel_dim: Size = 4

    def validate(self) -> None:
        table = self.__dict__.pop("linear_attn_config", None) or {}
        self.linear_head_dim = table.get("head_dim", self.linear_head_dim)
        self.linear_num_heads = table.get("num_heads", self.linear_num_heads)
        self.linear_conv_kernel_dim = table.get("short_conv_kernel_size", self.linear_conv_kernel_dim)
        layers = range(self.num_hidden_layers)
        if self.layer_types is None:
            usual = [index + 1 for index in layers if index and index % 4 == 0]
            attending = table.get("full_attn_layers", usual)
            check("KimiLinearConfig", "full_attn_layers of linear_attn_config", attending, list[int])
            self.layer_types = ["full_attention" if index + 1 in attending else "linear_attention" for index in layers]
        super().validate()
        self.check_expert_groups()

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        """None: there are no positions."""
        return {}


TASKS = {"base": "KimiLinearModel", "causal-lm": "KimiLinearForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    KimiLinearConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {
            "kernels": ("sdpa", "eager", "flex_attention"),  # values are narrower than keys
            "_weight_rules": Import(".model.RULES"),
        },
        "DecoderLayer": {
            "attention_class": Import("bestiary.modeling.latent_attention.LatentAttention"),
            "state_class": Import(".model.KimiLinearDeltaAttention"),
            "state_name": "self_attn",
            "mixture_class": Import("bestiary.models.deepseek_v3.model.DeepseekV3MoE"),
        },
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {
            "output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast"),
            "_tied_weights_keys": {},
        },
    },
)

"""The hyperparameters of decoders with latent attention. Needs no torch."""

from typing import ClassVar

from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Depth, Experts, Length, Size
from .decoder_config import DecoderConfig


class LatentConfig(DecoderConfig):
    """Base of the configs of DeepSeek-V2 and its relatives (DeepSeek-AI 2024, section 2.1).

    Queries and keys have `qk_rope_head_dim` numbers that turn with positions (also `head_dim`) and `qk_nope_head_dim` that do
    not; values have `v_head_dim`. Keys and values are made from states of `kv_lora_rank` numbers, queries from states of
    `q_lora_rank`, or, where that is null, from those of the block. Every head has keys and values of its own. A family may
    declare `mlp_layer_types`, which layers have experts ("sparse"); without it all but the first `first_k_dense_replace`.
    """

    kv_lora_rank: Size = 512
    q_lora_rank: Size | None = 1536
    qk_rope_head_dim: Size = 64
    v_head_dim: Size = 128
    qk_nope_head_dim: Size = 128
    attention_bias: bool = False
    n_routed_experts: Experts = 64
    n_shared_experts: Experts = 2
    moe_intermediate_size: Size = 1407
    num_experts_per_tok: Experts | None = None
    first_k_dense_replace: Count = 0
    output_router_logits: bool = False
    head_dim: Size | None = None

    def validate(self) -> None:
        self.head_dim = self.qk_rope_head_dim
        super().validate()
        if "mlp_layer_types" in self._field_names:
            usual = ["dense" if index < self.first_k_dense_replace else "sparse" for index in range(self.num_hidden_layers)]
            kinds = self.__dict__["mlp_layer_types"] = self.__dict__["mlp_layer_types"] or usual
            if len(kinds) != self.num_hidden_layers:
                raise ConfigError(
                    f"{type(self).__name__}: mlp_layer_types names {len(kinds)} layers, and num_hidden_layers is"
                    f" {self.num_hidden_layers}"
                )

    def has_experts(self, layer_idx: int) -> bool:
        kinds = self.declared("mlp_layer_types")
        return super().has_experts(layer_idx) if kinds is None else kinds[layer_idx] == "sparse"

    @property
    def qk_head_dim(self) -> int:
        """The width of a head's queries and keys."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def cache_heads(self) -> tuple[int, int]:
        return 1, self.kv_lora_rank

    @property
    def cache_value_size(self) -> int:
        return self.qk_rope_head_dim


class GroupedLatentConfig(LatentConfig):
    """Base of the configs of DeepSeek-V3 and V3.2, whose defaults these are.

    The experts form `n_group` groups, of which each token chooses from `topk_group`; shares add up to `routed_scaling_factor`
    with `norm_topk_prob`.
    """

    attribute_map: ClassVar[dict[str, str]] = {"num_local_experts": "n_routed_experts"}

    vocab_size: Length = 129280
    hidden_size: Size = 7168
    intermediate_size: Size = 18432
    moe_intermediate_size: Size = 2048
    num_hidden_layers: Depth = 61
    num_attention_heads: Size = 128
    num_key_value_heads: Size | None = 128
    n_shared_experts: Experts = 1
    n_routed_experts: Experts = 256
    routed_scaling_factor: Amount = 2.5
    n_group: Experts = 8
    topk_group: Experts = 4
    num_experts_per_tok: Experts | None = 8
    first_k_dense_replace: Count = 3
    norm_topk_prob: bool = True
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1

    def validate(self) -> None:
        super().validate()
        self.check_expert_groups()

"""The hyperparameters of decoders with latent attention. Needs no torch."""

from ..core.kinds import Count, Experts, Size
from .decoder_config import DecoderConfig


class LatentConfig(DecoderConfig):
    """Base of the configs of DeepSeek-V2 and its relatives (DeepSeek-AI 2024, section 2.1).

    Queries and keys have `qk_rope_head_dim` numbers that turn with positions (also `head_dim`) and `qk_nope_head_dim` that do
    not; values have `v_head_dim`. Keys and values are made from states of `kv_lora_rank` numbers, queries from states of
    `q_lora_rank`, or, where that is null, from those of the block. Every head has keys and values of its own.
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

    def validate(self) -> None:
        self.head_dim = self.qk_rope_head_dim
        super().validate()

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

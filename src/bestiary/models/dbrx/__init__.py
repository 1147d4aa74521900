"""DBRX (Databricks 2024): a mixture of sixteen experts of which four serve a token.

Differs from Mixtral: one projection for queries, keys and values, whose numbers are bounded, layer norms without biases, shares
of the chosen experts that a norm of any power divides, and the experts of a layer under each other in three matrices.
"""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Experts, Length, Positive, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.rotary_config import RotaryConfig


class DbrxAttentionConfig(PreTrainedConfig):
    """Hyperparameters of the attention: `kv_n_heads` heads of keys and values; `clip_qkv` bounds what is projected."""

    attn_pdrop: Rate = 0.0
    clip_qkv: Positive | None = None
    kv_n_heads: Size = 1


class DbrxFFNConfig(PreTrainedConfig):
    """Hyperparameters of the experts.

    Of `moe_num_experts` each token uses `moe_top_k`, whose shares are divided by their norm of power
    `moe_normalize_expert_weights`. `moe_loss_weight`: that of the loss which is least where the work is spread evenly.
    """

    hidden_size: Size = 6144
    ffn_act_fn: dict[str, Any] | None = None
    ffn_hidden_size: Size = 3584
    moe_num_experts: Experts = 4
    moe_top_k: Experts = 1
    moe_jitter_eps: Rate | None = None
    moe_loss_weight: Amount = 0.01
    moe_normalize_expert_weights: Positive | None = 1.0

    def validate(self) -> None:
        super().validate()
        if self.ffn_act_fn is None:
            self.ffn_act_fn = {"name": "silu"}
        check("DbrxFFNConfig", "ffn_act_fn['name']", self.ffn_act_fn.get("name", "silu"), str)
        if self.moe_top_k > self.moe_num_experts:
            raise ConfigError(f"DbrxFFNConfig: moe_top_k is {self.moe_top_k}, and moe_num_experts only {self.moe_num_experts}")


class DbrxConfig(RotaryConfig):
    """Hyperparameters; the defaults are those of the published code.

    Files from before 2025 say `rope_theta` in `attn_config`; it is read where there are no `rope_parameters`.
    """

    model_type: ClassVar[str] = "dbrx"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "attn_config": DbrxAttentionConfig,
        "ffn_config": DbrxFFNConfig,
    }
    attribute_map: ClassVar[dict[str, str]] = {
        "num_attention_heads": "n_heads",
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layers",
        "max_position_embeddings": "max_seq_len",
    }
    internal_map: ClassVar[dict[str, str]] = {"residual_dropout": "resid_pdrop", "embedding_dropout": "emb_pdrop"}

    d_model: Size = 2048
    n_heads: Size = 16
    n_layers: Depth = 24
    max_seq_len: Length = 2048
    vocab_size: Length = 32000
    resid_pdrop: Rate = 0.0
    emb_pdrop: Rate = 0.0
    attn_config: DbrxAttentionConfig | None = None
    ffn_config: DbrxFFNConfig | None = None
    initializer_range: Amount = 0.02
    output_router_logits: bool = False
    tie_word_embeddings: bool = False
    use_cache: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("d_model", "n_heads")
        if self.n_heads % self.attention.kv_n_heads:
            raise ConfigError(
                f"DbrxConfig: n_heads ({self.n_heads}) is not a multiple of kv_n_heads ({self.attention.kv_n_heads})"
            )
        self.experts.hidden_size = self.d_model
        theta = self.attention.get("rope_theta")
        if theta is not None and self.rope_parameters is None:
            self.__dict__.setdefault("rope_theta", theta)
        self.read_rotary()

    @property
    def num_key_value_heads(self) -> int:
        """The number of heads of keys and values."""
        return self.attention.kv_n_heads

    @property
    def attention_dropout(self) -> float:
        """The share of probabilities left out in training."""
        return self.attention.attn_pdrop

    @property
    def cache_heads(self) -> tuple[int, int]:
        return self.num_key_value_heads, self.head_size

    @property
    def attention(self) -> DbrxAttentionConfig:
        """`attn_config`, which is there once a config is made."""
        return self.attn_config or DbrxAttentionConfig()

    @property
    def experts(self) -> DbrxFFNConfig:
        """`ffn_config`, which is there once a config is made."""
        return self.ffn_config or DbrxFFNConfig()


TASKS = {"base": "DbrxModel", "causal-lm": "DbrxForCausalLM"}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["DbrxPreTrainedModel", *TASKS.values()]})

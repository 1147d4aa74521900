"""MiniMax-M2 (MiniMax 2025): Mixtral with 256 experts of which eight serve a token, chosen by their sigmoids.

Differs from Mixtral: queries and keys are normed over all heads, half of each head turns, and experts are chosen by sigmoids
with a correction that training moves until all get the same work (DeepSeek-AI 2024, DeepSeek-V3).
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Experts, Length, Rate, Size, check
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class MiniMaxM2Config(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code. Files say `rotary_dim`, how much of each head turns."""

    model_type: ClassVar[str] = "minimax_m2"
    attribute_map: ClassVar[dict[str, str]] = {"num_experts": "num_local_experts"}
    default_theta: ClassVar[float] = 5_000_000.0

    vocab_size: Length = 200064
    hidden_size: Size = 3072
    intermediate_size: Size = 1536
    num_hidden_layers: Depth = 62
    num_attention_heads: Size = 48
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 196608
    bos_token_id: int | None = 200034
    eos_token_id: int | list[int] | None = 200020
    num_experts_per_tok: Experts = 8
    num_local_experts: Experts = 256
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    router_jitter_noise: Rate = 0.0

    def validate(self) -> None:
        turned = self.__dict__.get("rotary_dim")
        if turned is not None:
            check("MiniMaxM2Config", "rotary_dim", turned, Size)
            if turned > self.head_size:
                raise ConfigError(
                    f"MiniMaxM2Config: rotary_dim is {turned}, more than the {self.head_size} of a head (head_dim)"
                )
            self.__dict__.setdefault("partial_rotary_factor", turned / self.head_size)
        super().validate()


TASKS = {"base": "MiniMaxM2Model", "causal-lm": "MiniMaxM2ForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    MiniMaxM2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"_weight_rules": Import(".model.RULES")},
        "Attention": {"head_norm": Import("bestiary.nn.norm.RMSNorm"), "joint_norm": True},
        "DecoderLayer": {"mlp_class": Import(".model.MiniMaxM2SparseMoeBlock")},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": Import("bestiary.models.mixtral.model.MixtralForCausalLM"),
    },
)

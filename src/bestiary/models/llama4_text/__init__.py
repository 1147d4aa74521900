"""The text half of Llama 4 (Meta 2025): Llama that looks at chunks, with mixtures of experts of which each token has one.

Differs from Llama: three of four layers look no further back than their chunk; the fourth looks at everything and does not
turn, and its queries grow with their positions (Nakanishi 2025). Queries and keys that turn are normed behind it. A state is
multiplied by the sigmoid of its expert's score before it enters, and another expert serves every token.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Experts, Length, Natural, Rate, Size, check
from ...modeling.decoder_config import DecoderConfig
from ...modeling.rotary_config import QueryGrowth
from ...modeling.variant import Import, variant
from .. import llama


class Llama4TextConfig(DecoderConfig):
    """Hyperparameters; the defaults are Llama 4 Scout's.

    `no_rope_layers` has a 1 for each layer that turns; without it all do but each `no_rope_layer_interval`-th. `moe_layers`
    are those with experts; without it each `interleave_moe_layer_step`-th. The others have an MLP of `intermediate_size_mlp`.
    With `attn_temperature_tuning`, queries that do not turn are multiplied by
    1 + `attn_scale` * log(1 + floor((position + 1) / `floor_scale`)).
    """

    model_type: ClassVar[str] = "llama4_text"
    internal_map: ClassVar[dict[str, str]] = {"qk_layernorm": "use_qk_norm"}
    default_theta: ClassVar[float] = 500_000.0
    interleaved_rotary: ClassVar[bool] = True
    published_angles: ClassVar[str] = "complex"

    vocab_size: Length = 202048
    hidden_size: Size = 5120
    intermediate_size: Size = 8192
    intermediate_size_mlp: Size = 16384
    num_hidden_layers: Depth = 48
    num_attention_heads: Size = 40
    num_key_value_heads: Size | None = 8
    head_dim: Size | None = 128
    max_position_embeddings: Length = 131072
    rms_norm_eps: Rate = 1e-5
    num_experts_per_tok: Experts = 1
    num_local_experts: Experts = 16
    moe_layers: list[int] | None = None
    interleave_moe_layer_step: Natural = 1
    use_qk_norm: bool = True
    output_router_logits: bool = False
    router_aux_loss_coef: Amount = 0.001
    router_jitter_noise: Rate = 0.0
    no_rope_layers: list[int] | None = None
    no_rope_layer_interval: Natural = 4
    attention_chunk_size: Length | None = 8192
    layer_types: list[str] | None = None
    attn_temperature_tuning: bool = True
    floor_scale: Natural = 8192
    attn_scale: Amount = 0.1
    attention_bias: bool = False

    def validate(self) -> None:
        count = self.num_hidden_layers
        check("Llama4TextConfig", "num_hidden_layers", count, Depth)  # before they are counted
        for name in ("no_rope_layer_interval", "interleave_moe_layer_step"):
            check("Llama4TextConfig", name, self.get(name), Natural)
        if not self.no_rope_layers:
            self.no_rope_layers = [int((index + 1) % self.no_rope_layer_interval != 0) for index in range(count)]
        if self.moe_layers is None:
            self.moe_layers = list(range(self.interleave_moe_layer_step - 1, count, self.interleave_moe_layer_step))
        super().validate()
        if len(self.no_rope_layers) != count:
            raise ConfigError(
                f"Llama4TextConfig: no_rope_layers names {len(self.no_rope_layers)} layers, and num_hidden_layers is {count}"
            )

    def usual_layer_types(self) -> list[str]:
        return ["chunked_attention" if turns else "full_attention" for turns in self.no_rope_layers or ()]

    def has_rotary(self, layer_idx: int) -> bool:
        return bool((self.no_rope_layers or ())[layer_idx])

    def has_experts(self, layer_idx: int) -> bool:
        return layer_idx in (self.moe_layers or ())

    def query_growth(self, layer_idx: int) -> QueryGrowth | None:
        if self.has_rotary(layer_idx) or not self.attn_temperature_tuning:
            return None
        return QueryGrowth(self.attn_scale, self.floor_scale, shift=1)


TASKS = {"base": "Llama4TextModel", "causal-lm": "Llama4ForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Llama4TextConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"kernels": ("sdpa", "eager", "flex_attention")},
        "Attention": Import(".model.Llama4TextAttention"),
        "MLP": Import(".model.Llama4TextMLP"),
        "DecoderLayer": {"mixture_class": Import(".model.Llama4TextMoe"), "mlp_name": "feed_forward"},
        "Model": Import("bestiary.models.mixtral.model.MixtralModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)

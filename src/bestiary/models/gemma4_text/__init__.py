"""The text half of Gemma 4 (Gemma Team 2026): Gemma 3 whose layers are told anew, one by one, which token each state is of.

Differs from Gemma 3: layers that look at everything have wider heads, may have fewer keys, and may take these for values; the
last layers look at keys that an earlier one of their kind keeps; scores are not divided and values are normed; each layer adds
an embedding of its own and multiplies what it gives; experts may stand beside the MLP.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Count, Depth, Experts, Length, Positive, Size, check
from ...modeling.layer_sizes_config import LayerSizesConfig
from ...modeling.variant import Import, variant
from .. import llama


class Gemma4TextConfig(LayerSizesConfig):
    """Hyperparameters; the defaults are those of the published code.

    With `attention_k_eq_v`, the keys of layers that look at everything are their values before both are normed, and there are
    `num_global_key_value_heads` of these. The last `num_kv_shared_layers` layers have no keys. With
    `hidden_size_per_layer_input`, each layer has embeddings of that width.
    """

    model_type: ClassVar[str] = "gemma4_text"
    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}
    default_rope_parameters: ClassVar[dict[str, Any] | None] = {
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
    }

    vocab_size: Length = 262144
    hidden_size: Size = 2304
    intermediate_size: Size = 9216
    num_hidden_layers: Depth = 30
    num_attention_heads: Size = 8
    num_key_value_heads: Size | None = 4
    head_dim: Size | None = 256
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 131072
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    bos_token_id: int | None = 2
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    sliding_window: Length | None = 512
    final_logit_softcapping: Positive | None = None
    use_bidirectional_attention: Literal["all", "vision"] | None = None
    vocab_size_per_layer_input: Length = 262144
    hidden_size_per_layer_input: Count | None = 256
    attention_k_eq_v: bool = False
    num_kv_shared_layers: Count = 0
    enable_moe_block: bool = False
    use_double_wide_mlp: bool = False
    num_experts: Experts | None = None
    top_k_experts: Experts | None = None
    moe_intermediate_size: Size | None = None

    def validate(self) -> None:
        super().validate()
        self._check_mixture()

    def global_groups(self, groups: int | None) -> int | None:
        return groups if self.attention_k_eq_v else None

    def _check_mixture(self) -> None:
        """Refuse a mixture without its numbers.

        Raises:
            ConfigError: names what was found and what was expected.
        """
        for name in ("num_experts", "top_k_experts", "moe_intermediate_size") if self.enable_moe_block else ():
            check("Gemma4TextConfig with enable_moe_block", name, self.get(name), Experts if "experts" in name else Size)
        if self.enable_moe_block and (self.top_k_experts or 0) > (self.num_experts or 0):
            raise ConfigError(f"Gemma4TextConfig: top_k_experts is {self.top_k_experts}, and num_experts {self.num_experts}")


TASKS = {"base": "Gemma4TextModel", "causal-lm": "Gemma4ForCausalLM"}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Gemma4TextConfig,
    TASKS,
    llama,
    {
        "PreTrainedModel": Import(".model.Gemma4TextPreTrainedModel"),
        "Attention": Import(".model.Gemma4TextAttention"),
        "DecoderLayer": Import(".model.Gemma4TextDecoderLayer"),
        "Model": Import(".model.Gemma4TextModel"),
        "ForCausalLM": {"output_class": Import("bestiary.core.outputs.MoeCausalLMOutputWithPast")},
    },
)

"""The text half of Gemma 4 (Gemma Team 2026): Gemma 3 whose layers are told anew, one by one, which token each state is of.

Differs from Gemma 3: layers that look at everything have wider heads, may have fewer keys, and may take these for values; the
last layers look at keys that an earlier one of their kind keeps; scores are not divided and values are normed; each layer adds
an embedding of its own and multiplies what it gives; experts may stand beside the MLP.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Count, Depth, Experts, Length, Positive, Size, check
from ...core.logging import warn_once
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Gemma4TextConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    `per_layer_config`: number of a layer -> its `head_dim` and `num_key_value_heads`, where these are not the usual ones.
    Without it the layers that look at everything have heads of `global_head_dim` (512), and with `attention_k_eq_v`, where
    their keys are their values before both are normed, `num_global_key_value_heads` of these. The last `num_kv_shared_layers`
    layers have no keys. With `hidden_size_per_layer_input`, each layer has embeddings of that width.
    """

    model_type: ClassVar[str] = "gemma4_text"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}
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
    layer_types: list[str] | None = None
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
    per_layer_config: dict[int, dict[str, Size]] | None = None

    def validate(self) -> None:
        head = self.__dict__.pop("global_head_dim", None) or 512
        groups = self.__dict__.pop("num_global_key_value_heads", None)
        if isinstance(self.per_layer_config, dict) and all(str(layer).isdecimal() for layer in self.per_layer_config):
            self.per_layer_config = {int(layer): sizes for layer, sizes in self.per_layer_config.items()}
        super().validate()
        kinds = self.layer_kinds()
        if kinds and kinds[-1] != "full_attention":
            warn_once("last-layer", f"Gemma4TextConfig: the last layer looks at everything; layer_types says {kinds[-1]!r:.40}")
            self.layer_types = [*kinds[:-1], "full_attention"]
        if self.per_layer_config is None:
            sizes = {"head_dim": head} | ({"num_key_value_heads": groups} if groups and self.attention_k_eq_v else {})
            full = [layer for layer, kind in enumerate(self.layer_kinds()) if kind == "full_attention"]
            self.per_layer_config = {layer: dict(sizes) for layer in full}
        self._check_layers()

    def _check_layers(self) -> None:
        """Refuse sizes of layers that are none, keys that nobody keeps, and a mixture without its numbers.

        Raises:
            ConfigError: names what was found and what was expected.
        """
        known, kinds = {"head_dim", "num_key_value_heads"}, self.layer_kinds()
        for layer, sizes in (self.per_layer_config or {}).items():
            if layer >= len(kinds) or not sizes.keys() <= known:
                raise ConfigError(
                    f"Gemma4TextConfig: per_layer_config says {sizes} of layer {layer}; expected {' and '.join(sorted(known))}"
                    f" of layers below {len(kinds)}"
                )
        for layer, kind in enumerate(kinds):
            heads, size, _ = self.cache_shape(layer)
            if heads and (self.num_attention_heads % heads or size % 2):
                raise ConfigError(
                    f"Gemma4TextConfig: layer {layer} has {self.num_attention_heads} heads of queries and {heads} of keys, of"
                    f" {size} numbers; expected a multiple of the latter, and an even width"
                )
            if size != self.head_size_of(kind) and heads:
                raise ConfigError(f"Gemma4TextConfig: heads of {size} in layer {layer}; those of a kind have one width")
        if missing := set(kinds) - set(kinds[: self.first_reader]):
            raise ConfigError(
                f"Gemma4TextConfig: {self.num_kv_shared_layers} of {len(kinds)} layers have no keys (num_kv_shared_layers), and"
                f" no layer before them is of their kind: {', '.join(sorted(missing))}"
            )
        for name in ("num_experts", "top_k_experts", "moe_intermediate_size") if self.enable_moe_block else ():
            check("Gemma4TextConfig with enable_moe_block", name, self.get(name), Experts if "experts" in name else Size)
        if self.enable_moe_block and (self.top_k_experts or 0) > (self.num_experts or 0):
            raise ConfigError(f"Gemma4TextConfig: top_k_experts is {self.top_k_experts}, and num_experts {self.num_experts}")

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(6)

    @property
    def first_reader(self) -> int:
        """The first of the layers that have no keys."""
        return self.num_hidden_layers - self.num_kv_shared_layers

    @property
    def kv_sharing_modes(self) -> list[str | None]:
        """Of each layer: "reuse" where it has no keys, "store" where it keeps those of its kind for such layers."""
        kinds = self.layer_kinds()
        keepers = {kind: index for index, kind in enumerate(kinds[: self.first_reader])} if self.num_kv_shared_layers else {}
        before = ["store" if index in keepers.values() else None for index in range(self.first_reader)]
        return [*before, *["reuse"] * self.num_kv_shared_layers]

    def head_size_of(self, kind: str) -> int:
        layers = (layer for layer, other in enumerate(self.layer_kinds()) if other == kind)
        return (self.per_layer_config or {}).get(next(layers, -1), {}).get("head_dim") or self.head_size

    def cache_shape(self, layer_idx: int) -> tuple[int, int, int]:
        sizes = (self.per_layer_config or {}).get(layer_idx, {})
        head = sizes.get("head_dim") or self.head_size
        return sizes.get("num_key_value_heads") or self.num_key_value_heads or self.num_attention_heads, head, head


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

"""The hyperparameters that decoders with rotary positions share. Needs no torch."""

from typing import Any

from ..cache.layer_types import OLDER_KINDS
from ..core.errors import ConfigError
from ..core.kinds import Amount, Count, Depth, Experts, Length, Rate, Size, check
from .rotary_config import RotaryConfig


class DecoderConfig(RotaryConfig):
    """Base of the configs of Llama and its relatives; a family declares what it has besides and where its defaults differ.

    Further fields that the modules of a decoder know, where a family declares them (`declared`): `attention_bias`,
    `attention_out_bias`, `mlp_bias`, `layer_types`, `sliding_window`, `attention_chunk_size`, `use_bidirectional_attention`, of
    mixtures `mlp_only_layers`, `decoder_sparse_step` and `first_k_dense_replace`, `query_pre_attn_scalar`,
    `attn_logit_softcapping`, `final_logit_softcapping`, `qk_layernorm` (whether queries and keys are normed), `clip_qkv` (the
    bound of their numbers and the values'), `use_parallel_residual` (whether attention and MLP read the same states),
    `residual_dropout`, `embedding_dropout`, `lm_head_bias`, and the factors `embedding_multiplier`, `attention_multiplier`
    (instead of 1/sqrt(K)), `residual_multiplier`, `logit_scale` and 1/`logits_scaling`. A family that calls one otherwise, or
    has no RMS norm, says so in `attribute_map`: {"rms_norm_eps": "layer_norm_eps"}.
    """

    vocab_size: Length = 32000
    hidden_size: Size = 4096
    intermediate_size: Size = 11008
    num_hidden_layers: Depth = 32
    num_attention_heads: Size = 32
    num_key_value_heads: Size | None = None
    head_dim: Size | None = None
    hidden_act: str = "silu"
    max_position_embeddings: Length = 2048
    initializer_range: Amount = 0.02
    rms_norm_eps: Rate = 1e-6
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    tie_word_embeddings: bool = False
    attention_dropout: Rate = 0.0
    use_cache: bool = True
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.num_key_value_heads = self.num_key_value_heads or self.num_attention_heads
        if self.head_dim is None:
            self.divides("hidden_size", "num_attention_heads")
            self.head_dim = self.head_size
        self.divides("num_attention_heads", "num_key_value_heads")
        self.read_rotary()
        self._check_experts()
        name = self.attribute_map.get("layer_types", "layer_types")
        if name in self._field_names:
            kinds = self.usual_layer_types() if self.__dict__[name] is None else self.__dict__[name]
            self.__dict__[name] = [OLDER_KINDS.get(kind, kind) for kind in kinds]

    def to_dict(self) -> dict[str, Any]:
        """Every value; `head_dim` of a family that does not declare it only where it does not follow from the other sizes."""
        values = super().to_dict()
        declared = next(kind for kind in type(self).__mro__ if "head_dim" in vars(kind).get("__annotations__", {}))
        if declared is DecoderConfig and self.head_size * self.num_attention_heads == self.hidden_size:
            values.pop("head_dim", None)
        return values

    def _check_experts(self) -> None:
        name = self.attribute_map.get("num_local_experts", "num_local_experts")
        chosen, count = self.declared("num_experts_per_tok"), self.declared(name)
        if chosen is not None and count is not None and chosen > count:
            raise ConfigError(f"{type(self).__name__}: num_experts_per_tok is {chosen}, and {name} only {count}")

    def check_expert_groups(self) -> None:
        """Refuse groups that a `GroupedRouter` cannot choose from.

        Raises:
            ConfigError: names how many experts and groups there are, and what each token chooses.
        """
        names = ("n_group", "topk_group", "num_experts_per_tok")
        groups, chosen, experts = (self.declared(name) for name in names)
        for name, value in zip(names, (groups, chosen, experts), strict=True):
            check(type(self).__name__, self.attribute_map.get(name, name), value, Experts)
        self.divides("n_routed_experts", "n_group")
        size = self.declared("n_routed_experts") // groups
        if size < 2 or chosen > groups or experts > size * chosen:
            raise ConfigError(
                f"{type(self).__name__}: {groups} groups (n_group) of {size} experts, of which a token chooses {experts} from"
                f" {chosen} (topk_group); expected groups of 2 or more, and as many experts in these"
            )

    def usual_layer_types(self) -> list[str]:
        """The kinds of the layers where `layer_types` does not say them; a family with a pattern overrides this."""
        return list(self.layer_kinds())

    def windows_but_every(self, count: int, others: str = "sliding_attention") -> list[str]:
        """Kinds of the layers where each `count`-th looks at everything and the `others` back a window.

        Raises:
            ConfigError: `count`, which older files call `sliding_window_pattern`, is no number of layers.
        """
        check(type(self).__name__, "sliding_window_pattern", count, Size)
        return [others if (index + 1) % count else "full_attention" for index in range(self.num_hidden_layers)]

    def has_experts(self, layer_idx: int) -> bool:
        """Whether layer `layer_idx` of a mixture has experts, and not one MLP for all tokens."""
        dense, step = self.declared("mlp_only_layers") or (), self.declared("decoder_sparse_step", 1)
        return layer_idx >= self.declared("first_k_dense_replace", 0) and layer_idx not in dense and (layer_idx + 1) % step == 0


class LateWindowConfig(DecoderConfig):
    """Base of the configs of Qwen 2 and 3: with `use_sliding_window`, layers from `max_window_layers` on look back a window."""

    vocab_size: Length = 151936
    intermediate_size: Size = 22016
    num_key_value_heads: Size | None = 32
    max_position_embeddings: Length = 32768
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    use_sliding_window: bool = False
    sliding_window: Length | None = 4096
    max_window_layers: Count = 28
    layer_types: list[str] | None = None

    def validate(self) -> None:
        if not self.use_sliding_window:
            self.sliding_window = None
        super().validate()

    def usual_layer_types(self) -> list[str]:
        first = self.num_hidden_layers if self.sliding_window is None else self.max_window_layers
        return ["full_attention" if index < first else "sliding_attention" for index in range(self.num_hidden_layers)]

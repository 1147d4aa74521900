"""Zamba2 (Glorioso et al. 2024): layers of Mamba 2, between which one or two transformer blocks are used again and again.

Differs from Bamba: in "hybrid" layers a block of attention and MLP reads the states beside the embeddings of the text, and what
it gives goes, through a dense layer, into the mixer alone. All uses of a block share its weights, and each adds some of low
rank.

Paper: https://arxiv.org/abs/2411.15242
"""

import math
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Length, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.decoder_config import DecoderConfig
from ...modeling.state_space_config import StateSpace

_USUAL = "M" + 7 * "MMMMMH" + "MMMMH" + "MMMH" + "MM"


class Zamba2Config(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code (Zamba2-2.7B's sizes).

    `layers_block_type`: of each layer "linear_attention" (Mamba 2 alone) or "hybrid". There are `num_mem_blocks` transformer
    blocks, which hybrid layers use in turn; each use adds what `adapter_rank` numbers can carry to the MLP's first projection
    and, with `use_shared_attention_adapter`, to the attention's. Blocks see twice the hidden size, so heads are twice as wide.
    With `use_mem_rope` they turn with positions. `add_bias_linear` is of the mixers and MLPs. `attention_head_dim` is by
    default what the heads have of twice the hidden size. `attention_hidden_size`, `kv_channels`, `num_query_groups`,
    `mamba_headdim` and `hybrid_layer_ids` follow from the others.
    `use_conv_bias`, `use_mem_eff_path`, `use_mamba_kernels` and `num_logits_to_keep` of files change no number.
    """

    model_type: ClassVar[str] = "zamba2"
    attribute_map: ClassVar[dict[str, str]] = {"layer_types": "layers_block_type", "head_dim": "attention_head_dim"}
    internal_map: ClassVar[dict[str, str]] = {"mlp_bias": "add_bias_linear"}

    max_position_embeddings: Length = 4096
    hidden_size: Size = 2560
    num_hidden_layers: Depth = 54
    layers_block_type: list[str] | None = None
    mamba_d_state: Size = 64
    mamba_d_conv: Size = 4
    mamba_expand: Size = 2
    mamba_ngroups: Size = 1
    time_step_min: Positive = 0.001
    time_step_max: Positive = 0.1
    time_step_floor: Amount = 1e-4
    n_mamba_heads: Size = 8
    use_mamba_kernels: bool = True
    use_conv_bias: bool = True
    chunk_size: Size = 256
    use_mem_eff_path: bool = False
    add_bias_linear: bool = False
    intermediate_size: Size | None = None  # type: ignore[assignment] # it follows from the hidden size
    hidden_act: str = "gelu"
    attention_head_dim: Size | None = None
    attention_hidden_size: Size | None = None
    kv_channels: Size | None = None
    num_query_groups: Size | None = None
    mamba_headdim: Size | None = None
    hybrid_layer_ids: list[Count] | None = None
    num_mem_blocks: Size = 1
    use_shared_attention_adapter: bool = False
    adapter_rank: Size = 128
    use_mem_rope: bool = False
    rms_norm_eps: Rate = 1e-5
    num_logits_to_keep: int | None = 1
    pad_token_id: int | None = 0
    use_long_context: bool = False
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        self.intermediate_size = self.intermediate_size or 4 * self.hidden_size
        if 2 * self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"Zamba2Config: num_attention_heads is {self.num_attention_heads}; expected a divisor of twice the hidden_size,"
                f" which is {self.hidden_size}"
            )
        self.attention_head_dim = self.attention_head_dim or 2 * self.hidden_size // self.num_attention_heads
        if self.use_long_context:
            self.max_position_embeddings = 16384
        super().validate()
        if self.mamba_expand * self.hidden_size % self.n_mamba_heads:
            raise ConfigError(
                f"Zamba2Config: n_mamba_heads is {self.n_mamba_heads}; expected a divisor of the mixers' width,"
                f" {self.mamba_expand * self.hidden_size}"
            )
        self.attention_hidden_size, self.num_query_groups = 2 * self.hidden_size, self.num_attention_heads
        self.kv_channels, self.mamba_headdim = self.hidden_size // self.num_attention_heads, self.state_space.head_dim
        self.hybrid_layer_ids = [index for index, kind in enumerate(self.layer_kinds()) if kind == "hybrid"]

    def usual_layer_types(self) -> list[str]:
        return ["hybrid" if letter == "H" else "linear_attention" for letter in _USUAL[: self.num_hidden_layers]]

    @property
    def rotary_tables(self) -> dict[str, dict[str, Any]]:
        """Kind of layer -> how its positions turn; none where they do not."""
        return super().rotary_tables if self.use_mem_rope else {}

    @property
    def state_space(self) -> StateSpace:
        """The sizes of the layers of Mamba 2."""
        return StateSpace(
            heads=self.n_mamba_heads,
            head_dim=self.mamba_expand * self.hidden_size // self.n_mamba_heads,
            state_size=self.mamba_d_state,
            groups=self.mamba_ngroups,
            kernel=self.mamba_d_conv,
            chunk=self.chunk_size,
            eps=1e-5,
            bias=self.add_bias_linear,
            limits=(self.time_step_min, math.inf),
            starts=(self.time_step_min, self.time_step_max, self.time_step_floor),
        )


TASKS = {
    "base": "Zamba2Model",
    "causal-lm": "Zamba2ForCausalLM",
    "sequence-classification": "Zamba2ForSequenceClassification",
}

__getattr__, __dir__ = lazy(__name__, {"model": ["Zamba2PreTrainedModel", *TASKS.values()]})

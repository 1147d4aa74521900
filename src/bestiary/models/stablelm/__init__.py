"""StableLM (Stability AI 2024; Bellagente et al. 2024): Llama with layer norms, a quarter of each head turning.

Differs from Llama: layer norms, partial rotary positions, and by config biases of queries, keys and values, a layer norm of
each head's queries and keys, and both halves of a block reading the same states (`use_parallel_residual`).

Paper: https://arxiv.org/abs/2402.17834
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class StableLmConfig(DecoderConfig):
    """Hyperparameters; the defaults are StableLM 3B's."""

    model_type: ClassVar[str] = "stablelm"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "layer_norm_eps", "attention_bias": "use_qkv_bias"}
    default_partial_rotary_factor: ClassVar[float | None] = 0.25

    vocab_size: Length = 50304
    intermediate_size: Size = 6912
    hidden_size: Size = 2560
    num_key_value_heads: Size | None = 32
    max_position_embeddings: Length = 4096
    layer_norm_eps: Rate = 1e-5
    use_qkv_bias: bool = False
    qk_layernorm: bool = False
    use_parallel_residual: bool = False
    hidden_dropout: Rate = 0.0
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 0


TASKS = {
    "base": "StableLmModel",
    "causal-lm": "StableLmForCausalLM",
    "sequence-classification": "StableLmForSequenceClassification",
    "token-classification": "StableLmForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    StableLmConfig,
    TASKS,
    llama,
    {
        "Attention": {
            "output_bias": False,
            "head_norm": Import(".model.StableLmLayerNormPerHead"),
            "norm_names": ("q_layernorm", "k_layernorm"),
            "norm_shape": lambda attention, heads: (heads, attention.head_dim),
        },
        "DecoderLayer": Import(".model.StableLmDecoderLayer"),
        "Model": {"norm_class": Import("torch.nn.LayerNorm")},
    },
)

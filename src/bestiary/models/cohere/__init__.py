"""Command R (Cohere 2024): both halves of a block read one norm's states, neighbours turn together, logits are scaled.

Differs from Llama: such parallel blocks, layer norms without biases, interleaved rotary positions, `logit_scale`, tied
embeddings, and in Command R+ normed queries and keys (`use_qk_norm`).
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Changes, Import, variant
from .. import llama


class CohereConfig(DecoderConfig):
    """Hyperparameters; the defaults are Command R's."""

    model_type: ClassVar[str] = "cohere"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "layer_norm_eps", "qk_layernorm": "use_qk_norm"}
    default_theta: ClassVar[float] = 500_000.0
    interleaved_rotary: ClassVar[bool] = True
    published_angles: ClassVar[str] = "pairs"

    vocab_size: Length = 256000
    hidden_size: Size = 8192
    intermediate_size: Size = 22528
    logit_scale: Amount = 0.0625
    num_hidden_layers: Depth = 40
    num_attention_heads: Size = 64
    max_position_embeddings: Length = 8192
    layer_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    bos_token_id: int | None = 5
    eos_token_id: int | list[int] | None = 255001
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    use_qk_norm: bool = False


TASKS = {
    "base": "CohereModel",
    "causal-lm": "CohereForCausalLM",
}

PREPROCESSORS = {"tokenizer": "CohereTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .tokenizer import CohereTokenizer, CohereTokenizerFast  # noqa: F401

NORM = Import("bestiary.nn.norm.BiaslessLayerNorm")
CHANGES: Changes = {
    "Attention": {"head_norm": NORM, "norm_shape": lambda attention, heads: (heads, attention.head_dim)},
    "DecoderLayer": {"norm_class": NORM, "norm_names": ("input_layernorm", None, None, None), "parallel": True},
    "Model": {"norm_class": NORM},
}

__getattr__, __dir__ = variant(
    __name__, CohereConfig, TASKS, llama, CHANGES, {"tokenizer": ["CohereTokenizer", "CohereTokenizerFast"]}
)

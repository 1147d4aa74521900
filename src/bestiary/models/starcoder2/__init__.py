"""StarCoder 2 (Lozhkov et al. 2024): a Llama for code with layer norms, biases, an MLP without a gate, and few keys.

Differs from Llama: layer norms, biases everywhere (`use_bias`), down(gelu(up(x))), dropout behind both halves of a block,
tied embeddings, and, in the 15 B model, a window (`sliding_window`).

Paper: https://arxiv.org/abs/2402.19173
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class Starcoder2Config(DecoderConfig):
    """Hyperparameters; the defaults are those of StarCoder 2 3B."""

    model_type: ClassVar[str] = "starcoder2"
    internal_map: ClassVar[dict[str, str]] = {
        "rms_norm_eps": "norm_epsilon",
        "attention_bias": "use_bias",
        "mlp_bias": "use_bias",
    }

    vocab_size: Length = 49152
    hidden_size: Size = 3072
    intermediate_size: Size = 12288
    num_hidden_layers: Depth = 30
    num_attention_heads: Size = 24
    num_key_value_heads: Size | None = 2
    hidden_act: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 4096
    initializer_range: Amount = 0.018042
    norm_epsilon: Rate = 1e-5
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    tie_word_embeddings: bool = True
    sliding_window: Length | None = None
    residual_dropout: Rate = 0.0
    embedding_dropout: Rate = 0.0
    use_bias: bool = True


TASKS = {
    "base": "Starcoder2Model",
    "causal-lm": "Starcoder2ForCausalLM",
    "sequence-classification": "Starcoder2ForSequenceClassification",
    "token-classification": "Starcoder2ForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

LAYER_NORM = Import("torch.nn.LayerNorm")

__getattr__, __dir__ = variant(
    __name__,
    Starcoder2Config,
    TASKS,
    llama,
    {
        "MLP": {"gate_name": None, "up_name": "c_fc", "down_name": "c_proj"},
        "DecoderLayer": {"norm_class": LAYER_NORM},
        "Model": {"norm_class": LAYER_NORM},
    },
)

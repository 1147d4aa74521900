"""LLaMA (Touvron et al. 2023) and its successors: a decoder with rotary positions, RMS norms and a gated MLP.

Differs from GPT-2: norms without mean or bias before each half of a block, rotary instead of learned positions, SiLU-gated
MLP, no biases, and fewer key/value heads than query heads (grouped queries, Ainslie et al. 2023).
"""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...nn.rope_parameters import rope_parameters


class LlamaConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are LLaMA 7B's.

    `rope_parameters` holds `rope_type`, `rope_theta` and the numbers of the scaling; the older `rope_theta` and
    `rope_scaling` are read as well.
    """

    model_type: ClassVar[str] = "llama"

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
    rope_parameters: dict[str, Any] | None = None
    attention_bias: bool = False
    attention_dropout: Rate = 0.0
    mlp_bias: bool = False

    def validate(self) -> None:
        super().validate()
        self.num_key_value_heads = self.num_key_value_heads or self.num_attention_heads
        if self.head_dim is None:
            self.divides("hidden_size", "num_attention_heads")
            self.head_dim = self.hidden_size // self.num_attention_heads
        if self.head_dim % 2:
            raise ConfigError(f"LlamaConfig: head_dim is {self.head_dim}; rotary positions turn pairs, so it must be even")
        self.divides("num_attention_heads", "num_key_value_heads")
        older = {name: self.__dict__.pop(name, None) for name in ("rope_scaling", "rope_theta")}
        self.rope_parameters = rope_parameters(self.rope_parameters, older["rope_scaling"], older["rope_theta"])


TASKS = {
    "base": "LlamaModel",
    "causal-lm": "LlamaForCausalLM",
    "sequence-classification": "LlamaForSequenceClassification",
    "token-classification": "LlamaForTokenClassification",
    "question-answering": "LlamaForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["LlamaPreTrainedModel", *TASKS.values()],
        "tokenizer": ["LlamaTokenizer", "LlamaTokenizerFast"],
    },
)

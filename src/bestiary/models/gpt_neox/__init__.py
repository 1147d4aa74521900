"""GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): both halves of a block read the same states.

Differs from GPT-2: such parallel blocks (`use_parallel_residual`), rotary positions that turn a quarter of each head, and one
projection that gives each head its query, key and value side by side.

Paper: https://arxiv.org/abs/2204.06745
"""

from typing import Any, ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.decoder_config import DecoderConfig


class GPTNeoXConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of GPT-NeoX 20B. The older `rotary_pct` and `rotary_emb_base` are read too."""

    model_type: ClassVar[str] = "gpt_neox"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "layer_norm_eps", "embedding_dropout": "hidden_dropout"}
    default_partial_rotary_factor: ClassVar[float | None] = 0.25
    no_effect: ClassVar[frozenset[str]] = frozenset({"num_key_value_heads"})

    vocab_size: Length = 50432
    hidden_size: Size = 6144
    intermediate_size: Size = 24576
    num_hidden_layers: Depth = 44
    num_attention_heads: Size = 64
    hidden_act: str = "gelu"
    hidden_dropout: Rate = 0.0
    classifier_dropout: Rate = 0.1
    layer_norm_eps: Rate = 1e-5
    bos_token_id: int | None = 0
    use_parallel_residual: bool = True
    attention_bias: bool = True
    is_decoder: bool = False

    def validate(self) -> None:
        older: dict[str, Any] = {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"}
        for name, spelling in older.items():
            value = self.__dict__.pop(spelling, None)
            if value is not None:
                self.__dict__.setdefault(name, value)
        super().validate()


TASKS = {
    "base": "GPTNeoXModel",
    "causal-lm": "GPTNeoXForCausalLM",
    "sequence-classification": "GPTNeoXForSequenceClassification",
    "token-classification": "GPTNeoXForTokenClassification",
    "question-answering": "GPTNeoXForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["GPTNeoXPreTrainedModel", "GPTNeoXLayer", *TASKS.values()],
        "tokenizer": ["GPTNeoXTokenizer", "GPTNeoXTokenizerFast"],
    },
)

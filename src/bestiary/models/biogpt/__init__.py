"""BioGPT (Luo et al. 2022): a decoder of biomedical texts, as fairseq built them.

Differs from OPT: GELU, embeddings times the square root of their width, and a tokenizer that splits words as Moses does.

Paper: https://arxiv.org/abs/2210.10341
"""

from typing import ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class BioGptConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are BioGPT's. The norms have an epsilon of 1e-5, whatever `layer_norm_eps` says."""

    model_type: ClassVar[str] = "biogpt"

    vocab_size: Length = 42384
    hidden_size: Size = 1024
    num_hidden_layers: Depth = 24
    num_attention_heads: Size = 16
    intermediate_size: Size = 4096
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    max_position_embeddings: Length = 1024
    initializer_range: Rate = 0.02
    layer_norm_eps: Rate = 1e-12
    scale_embedding: bool = True
    layerdrop: Rate = 0.0
    activation_dropout: Rate = 0.0
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")


TASKS = {
    "base": "BioGptModel",
    "causal-lm": "BioGptForCausalLM",
    "token-classification": "BioGptForTokenClassification",
    "sequence-classification": "BioGptForSequenceClassification",
}

PREPROCESSORS = {"tokenizer": "BioGptTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["BioGptPreTrainedModel", *TASKS.values()], "tokenizer": ["BioGptTokenizer"]})

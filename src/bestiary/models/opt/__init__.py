"""OPT (Zhang et al. 2022): GPT-3's architecture, published in eight sizes.

Differs from GPT-2: one projection each for queries, keys and values, ReLU, and learned positions whose first two rows no text
uses. The 350M model has its norms behind each sum, none behind the last layer, and embeddings narrower than its states.

Paper: https://arxiv.org/abs/2205.01068
"""

from typing import Any, ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class OPTConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of OPT 125M.

    `word_embed_proj_dim` is the width of the embeddings and of what heads get, where it is not that of the states.
    `_remove_final_layer_norm`: no norm behind the last layer, as in models that releases before 4.20 trained further.
    """

    model_type: ClassVar[str] = "opt"
    internal_map: ClassVar[dict[str, str]] = {"initializer_range": "init_std"}

    vocab_size: Length = 50272
    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    ffn_dim: Size = 3072
    max_position_embeddings: Length = 2048
    do_layer_norm_before: bool = True
    _remove_final_layer_norm: bool = False
    word_embed_proj_dim: Size | None = None
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.0
    num_attention_heads: Size = 12
    activation_function: str = "relu"
    layerdrop: Rate = 0.0
    init_std: Amount = 0.02
    pad_token_id: int | None = 1
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 2
    enable_bias: bool = True
    layer_norm_elementwise_affine: bool = True
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        self.word_embed_proj_dim = self.word_embed_proj_dim or self.hidden_size

    @property
    def output_size(self) -> int:
        return self.word_embed_proj_dim or self.hidden_size

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "_remove_final_layer_norm": self._remove_final_layer_norm}


TASKS = {
    "base": "OPTModel",
    "causal-lm": "OPTForCausalLM",
    "sequence-classification": "OPTForSequenceClassification",
    "question-answering": "OPTForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["OPTPreTrainedModel", *TASKS.values()]})

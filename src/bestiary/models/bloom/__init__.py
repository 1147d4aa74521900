"""BLOOM (Scao et al. 2022): a decoder for 46 languages whose scores are biased by the places of keys (ALiBi).

Differs from GPT-2: these biases instead of learned positions, a norm behind the embeddings, and one projection that gives each
head its query, key and value side by side.

Paper: https://arxiv.org/abs/2211.05100
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class BloomConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the published class.

    With `apply_residual_connection_post_layernorm`, branches are added to the normed states. With `slow_but_exact`, the
    projections that end a branch are computed in `pretraining_tp` parts, as while BLOOM was trained, and without their biases,
    as the published release does.
    """

    model_type: ClassVar[str] = "bloom"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "n_embed": "hidden_size",
    }

    vocab_size: Length = 250880
    hidden_size: Size = 64
    n_layer: Depth = 2
    n_head: Size = 8
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    apply_residual_connection_post_layernorm: bool = False
    hidden_dropout: Rate = 0.0
    attention_dropout: Rate = 0.0
    pretraining_tp: Size = 1
    slow_but_exact: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "n_head")
        if self.slow_but_exact:
            self.divides("hidden_size", "pretraining_tp")


TASKS = {
    "base": "BloomModel",
    "causal-lm": "BloomForCausalLM",
    "sequence-classification": "BloomForSequenceClassification",
    "token-classification": "BloomForTokenClassification",
    "question-answering": "BloomForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "BloomTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BloomPreTrainedModel", *TASKS.values()],
        "tokenizer": ["BloomTokenizer", "BloomTokenizerFast"],
    },
)

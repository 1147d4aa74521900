"""GPT-Neo (Black et al. 2021): GPT-2 whose layers look at all that came before and at a window of it by turns.

Differs from GPT-2: the windows (`window_size`), one projection each for queries, keys and values, scores that are not scaled
and are computed in fp32, and weights stored (out, in).

Paper: https://doi.org/10.5281/zenodo.5297715
"""

from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig

KINDS = {"global": "full_attention", "local": "sliding_attention"}


class GPTNeoConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of GPT-Neo 1.3B.

    `attention_types` lists sequences of "global" and "local" layers, each with how often it is repeated:
    [[["global", "local"], 12]]. `attention_layers`, the kind of each layer, follows from it.
    """

    model_type: ClassVar[str] = "gpt_neo"
    attribute_map: ClassVar[dict[str, str]] = {"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"}
    internal_map: ClassVar[dict[str, str]] = {"sliding_window": "window_size"}

    vocab_size: Length = 50257
    max_position_embeddings: Length = 2048
    hidden_size: Size = 2048
    num_layers: Depth = 24
    attention_types: list[Any] | None = None
    num_heads: Size = 16
    intermediate_size: Size | None = None
    window_size: Length = 256
    activation_function: str = "gelu_new"
    resid_dropout: Rate = 0.0
    embed_dropout: Rate = 0.0
    attention_dropout: Rate = 0.0
    classifier_dropout: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    attention_layers: list[str] | None = None
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_heads")
        self.attention_types = self.attention_types or [[["global", "local"], 12]]
        self.attention_layers = self._expanded(self.attention_types)
        unknown = [kind for kind in self.attention_layers if kind not in KINDS]
        if unknown:
            raise ConfigError(f"GPTNeoConfig: attention_types name {unknown[0]!r:.60}; expected {' or '.join(KINDS)}")
        if len(self.attention_layers) != self.num_layers:
            raise ConfigError(
                f"GPTNeoConfig: attention_types are those of {len(self.attention_layers)} layers, and num_layers is"
                f" {self.num_layers}"
            )

    @staticmethod
    def _expanded(types: list[Any]) -> list[str]:
        layers: list[str] = []
        for item in types:
            kinds, times = item if isinstance(item, list | tuple) and len(item) == 2 else (None, None)
            if not isinstance(kinds, list | tuple) or not isinstance(times, int) or not 0 <= times * len(kinds) <= 2**10:
                raise ConfigError(f"GPTNeoConfig: attention_types hold {item!r:.80}; expected [kinds of layers, how often]")
            layers += list(kinds) * times
        return layers

    def layer_kinds(self) -> tuple[str, ...]:
        return tuple(KINDS[kind] for kind in self.attention_layers or ())


TASKS = {
    "base": "GPTNeoModel",
    "causal-lm": "GPTNeoForCausalLM",
    "sequence-classification": "GPTNeoForSequenceClassification",
    "token-classification": "GPTNeoForTokenClassification",
    "question-answering": "GPTNeoForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["GPTNeoPreTrainedModel", *TASKS.values()]})

"""GPT-J (Wang & Komatsuzaki 2021): attention and MLP of a block read the same normed states.

Differs from GPT-2: such parallel blocks with one norm, rotary positions that turn neighbouring numbers, the first `rotary_dim`
of each head, one projection each for queries, keys and values without biases, and a head of its own, which has one.
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class GPTJConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of GPT-J 6B. `rotary_dim`: how many numbers of a head turn; None for all."""

    model_type: ClassVar[str] = "gptj"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: Length = 50400
    n_positions: Length = 2048
    n_embd: Size = 4096
    n_layer: Depth = 28
    n_head: Size = 16
    rotary_dim: Size | None = 64
    n_inner: Size | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: Rate = 0.0
    embd_pdrop: Rate = 0.0
    attn_pdrop: Rate = 0.0
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    tie_word_embeddings: bool = False
    use_cache: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("n_embd", "n_head")
        if self.turning % 2 or self.turning > self.n_embd // self.n_head:
            raise ConfigError(
                f"GPTJConfig: rotary_dim is {self.rotary_dim}, of heads of {self.n_embd // self.n_head} numbers; rotary"
                " positions turn pairs of these, so it must be even and no more"
            )

    @property
    def turning(self) -> int:
        """How many numbers of each head turn."""
        return self.rotary_dim or self.n_embd // self.n_head


TASKS = {
    "base": "GPTJModel",
    "causal-lm": "GPTJForCausalLM",
    "sequence-classification": "GPTJForSequenceClassification",
    "question-answering": "GPTJForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["GPTJPreTrainedModel", *TASKS.values()]})

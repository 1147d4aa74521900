"""XLNet (Yang et al. 2019): BERT's task in any order of the tokens, with Transformer-XL's memory of earlier segments.

Differs from BERT: a second stream of states knows the place of a token and not the token, and predicts it; positions are
relative; whether two tokens are of one segment adds to their score. A text is written with a dummy at its end, which the second
stream predicts; earlier tokens look at later ones, so what is written differs a little with and without memory. Padding stands
on the left.

Paper: https://arxiv.org/abs/1906.08237
"""

from typing import ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class XLNetConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of `xlnet-large-cased`.

    `attn_type` "uni" lets tokens look back only, with `same_length` all equally far. Memory: the newest `mem_len` states are
    kept (None or 0: all), of the first `reuse_len` tokens of each pass where that is set; `use_mems_eval` and `use_mems_train`
    say whether a forward gives it. `clamp_len`: the greatest distance that counts as such, if above 0. `bi_data`: the second
    half of a batch is read backwards. `summary_*` and `*_n_top`: see `modeling/heads`.
    """

    model_type: ClassVar[str] = "xlnet"
    divided_at_once: ClassVar[tuple[str, ...]] = ("n_head",)
    attribute_map: ClassVar[dict[str, str]] = {
        "n_token": "vocab_size",
        "hidden_size": "d_model",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: Length = 32000
    d_model: Size = 1024
    n_layer: Depth = 24
    n_head: Size = 16
    d_inner: Size = 4096
    d_head: Size | None = None
    ff_activation: str = "gelu"
    attn_type: Literal["bi", "uni"] = "bi"
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    dropout: Rate = 0.1
    mem_len: Count | None = 512
    reuse_len: Count | None = None
    use_mems_eval: bool = True
    use_mems_train: bool = False
    bi_data: bool = False
    clamp_len: int = -1
    same_length: bool = False
    summary_type: str = "last"
    summary_use_proj: bool = True
    summary_activation: str | None = "tanh"
    summary_last_dropout: Rate = 0.1
    start_n_top: Size = 5
    end_n_top: Size = 5
    pad_token_id: int | None = 5
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    tie_word_embeddings: bool = True

    @property
    def max_position_embeddings(self) -> int:
        """-1: distances have no end."""
        return -1

    def validate(self) -> None:
        super().validate()
        self.divides("d_model", "n_head")
        self.d_head = self.d_head or self.d_model // self.n_head
        if self.d_head * self.n_head != self.d_model:
            raise ConfigError(
                f"XLNetConfig: d_head is {self.d_head}; expected {self.d_model // self.n_head}, d_model over n_head"
            )
        if self.d_model % 2:
            raise ConfigError(f"XLNetConfig: d_model is {self.d_model}; expected an even number, sines and cosines")

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.n_layer  # they keep states of a text instead of keys


TASKS = {
    "base": "XLNetModel",
    "pretraining": "XLNetLMHeadModel",
    "causal-lm": "XLNetLMHeadModel",
    "sequence-classification": "XLNetForSequenceClassification",
    "token-classification": "XLNetForTokenClassification",
    "multiple-choice": "XLNetForMultipleChoice",
    "question-answering": "XLNetForQuestionAnsweringSimple",
}

PREPROCESSORS = {"tokenizer": "XLNetTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["XLNetPreTrainedModel", "XLNetForQuestionAnswering", *dict.fromkeys(TASKS.values())],
        "tokenizer": ["XLNetTokenizer", "XLNetTokenizerFast"],
    },
)

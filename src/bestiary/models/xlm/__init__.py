"""XLM (Lample and Conneau 2019): BERT over several languages, whose tokens also have an embedding of their language.

Differs from BERT: languages in place of segments (segments are tokens of the vocabulary); states of padding are zero; without a
mask the padding token is padding; `causal` models look back only. A text is written with a mask token at its end.

Paper: https://arxiv.org/abs/1901.07291
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class XLMConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of `xlm-mlm-en-2048`.

    `n_langs` languages have embeddings where there are several and `use_lang_emb` says so; texts are written in `lang_id`,
    behind them `mask_token_id`. `summary_*` and `*_n_top`: see `modeling/heads`. `unk_index` and `mask_index` are the
    tokenizer's.
    """

    model_type: ClassVar[str] = "xlm"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "emb_dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "n_words": "vocab_size",
        "bos_index": "bos_token_id",
        "eos_index": "eos_token_id",
        "pad_index": "pad_token_id",
    }

    vocab_size: Length = 30145
    emb_dim: Size = 2048
    n_layers: Depth = 12
    n_heads: Size = 16
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.1
    gelu_activation: bool = True
    sinusoidal_embeddings: bool = False
    causal: bool = False
    asm: bool = False
    n_langs: Size = 1
    use_lang_emb: bool = True
    max_position_embeddings: Length = 512
    embed_init_std: Amount = 2048**-0.5
    layer_norm_eps: Rate = 1e-12
    init_std: Amount = 0.02
    unk_index: int = 3
    mask_index: int = 5
    is_encoder: bool = True
    summary_type: str = "first"
    summary_use_proj: bool = True
    summary_activation: str | None = None
    summary_proj_to_labels: bool = True
    summary_first_dropout: Rate = 0.1
    start_n_top: Size = 5
    end_n_top: Size = 5
    mask_token_id: int | None = 0
    lang_id: int = 0
    pad_token_id: int | None = 2
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("emb_dim", "n_heads")
        if not self.is_encoder:
            raise ConfigError("XLMConfig: is_encoder is False; expected True, no release has a decoder of this type")
        if self.asm:
            raise ConfigError("XLMConfig: asm is True; expected False, no release has computed an adaptive softmax for texts")


TASKS = {
    "base": "XLMModel",
    "text-encoding": "XLMModel",
    "pretraining": "XLMWithLMHeadModel",
    "masked-lm": "XLMWithLMHeadModel",
    "causal-lm": "XLMWithLMHeadModel",
    "sequence-classification": "XLMForSequenceClassification",
    "token-classification": "XLMForTokenClassification",
    "multiple-choice": "XLMForMultipleChoice",
    "question-answering": "XLMForQuestionAnsweringSimple",
}

PREPROCESSORS = {"tokenizer": "XLMTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["XLMPreTrainedModel", "XLMForQuestionAnswering", *dict.fromkeys(TASKS.values())],
        "tokenizer": ["XLMTokenizer"],
    },
)

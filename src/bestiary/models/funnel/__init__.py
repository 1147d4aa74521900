"""Funnel Transformer (Dai et al. 2020): an encoder whose blocks halve the length of the text, to save work.

Differs from BERT: states are pooled in pairs from block to block, the first one kept apart; positions are relative; and what
needs a state for each token repeats the last ones, adds those of the first block, and runs a few more layers.

Paper: https://arxiv.org/abs/2006.03236
"""

from typing import ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class FunnelConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of Funnel's `intermediate`, with blocks of four layers.

    `block_sizes`: layers of each block; `block_repeats`: how often each of them runs (None: once). `separate_cls` keeps the
    first token out of pooling, and with `truncate_seq` the last one makes room for it. `pool_q_only`: the first layer of a
    block still looks at the states before pooling. `initializer_std`: None for one by the widths of each layer.
    """

    model_type: ClassVar[str] = "funnel"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_size": "d_model", "num_attention_heads": "n_head"}

    vocab_size: Length = 30522
    block_sizes: list[Size] | tuple[Size, ...] = (4, 4, 4)
    block_repeats: list[Size] | tuple[Size, ...] | None = None
    num_decoder_layers: Depth = 2
    d_model: Size = 768
    n_head: Size = 12
    d_head: Size = 64
    d_inner: Size = 3072
    hidden_act: str = "gelu_new"
    hidden_dropout: Rate = 0.1
    attention_dropout: Rate = 0.1
    activation_dropout: Rate = 0.0
    initializer_range: Amount = 0.1
    initializer_std: Amount | None = None
    layer_norm_eps: Rate = 1e-9
    pooling_type: Literal["mean", "max"] = "mean"
    attention_type: Literal["relative_shift", "factorized"] = "relative_shift"
    separate_cls: bool = True
    truncate_seq: bool = True
    pool_q_only: bool = True
    pad_token_id: int | None = None
    tie_word_embeddings: bool = True

    @property
    def num_hidden_layers(self) -> int:
        """The layers of all blocks; `block_sizes` says it."""
        return sum(self.block_sizes)

    @property
    def num_blocks(self) -> int:
        """How many blocks there are; `block_sizes` says it."""
        return len(self.block_sizes)

    def validate(self) -> None:
        super().validate()
        self.block_repeats = [1] * self.num_blocks if self.block_repeats is None else self.block_repeats
        if not 0 < self.num_blocks == len(self.block_repeats):
            raise ConfigError(
                f"FunnelConfig: block_repeats has {len(self.block_repeats)} numbers, and block_sizes {self.num_blocks} blocks;"
                " expected one or more, and as many"
            )
        if self.num_blocks > 16:
            raise ConfigError(f"FunnelConfig: block_sizes has {self.num_blocks} blocks, each half as long; expected at most 16")
        if self.d_model % 2:
            raise ConfigError(f"FunnelConfig: d_model is {self.d_model}; expected an even number, sines and cosines")


TASKS = {
    "base": "FunnelModel",
    "pretraining": "FunnelForPreTraining",
    "masked-lm": "FunnelForMaskedLM",
    "sequence-classification": "FunnelForSequenceClassification",
    "token-classification": "FunnelForTokenClassification",
    "question-answering": "FunnelForQuestionAnswering",
    "multiple-choice": "FunnelForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "FunnelTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["FunnelPreTrainedModel", "FunnelBaseModel", "FunnelForPreTrainingOutput", *TASKS.values()],
        "tokenizer": ["FunnelTokenizer", "FunnelTokenizerFast"],
    },
)

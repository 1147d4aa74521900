"""BERT (Devlin et al. 2019): a bidirectional encoder with learned positions, norms after each half of a block.

Differs from GPT-2: every token sees every other, segments (token types) are embedded, and the first token's state, pooled,
stands for the text. With `is_decoder` the same layers look only back, keep a cache, and may look at an encoder
(`add_cross_attention`; Rothe et al. 2020).
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.logging import warn_once
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class BertConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are BERT base's.

    `chunk_size_feed_forward` runs the MLP over that many positions at a time, to save memory (0: all at once).
    """

    model_type: ClassVar[str] = "bert"

    vocab_size: Length = 30522
    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    max_position_embeddings: Length = 512
    type_vocab_size: Size = 2
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    pad_token_id: int | None = 0
    classifier_dropout: Rate | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        if self.add_cross_attention and not self.is_decoder:
            raise ConfigError("add_cross_attention=True needs is_decoder=True: only a decoder looks at an encoder")
        kind = self.get("position_embedding_type", "absolute")
        if kind != "absolute":
            warn_once("positions", f"position_embedding_type is {kind!r}; only 'absolute' positions exist, and are used")


TASKS = {
    "base": "BertModel",
    "pretraining": "BertForPreTraining",
    "causal-lm": "BertLMHeadModel",
    "masked-lm": "BertForMaskedLM",
    "next-sentence-prediction": "BertForNextSentencePrediction",
    "sequence-classification": "BertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
    "multiple-choice": "BertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "BertTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BertPreTrainedModel", "BertForPreTrainingOutput", *TASKS.values()],
        "tokenizer": ["BertTokenizer", "BertTokenizerFast"],
    },
)

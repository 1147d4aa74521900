"""DistilBERT (Sanh et al. 2019): BERT with half of the layers, taught by BERT.

Differs from BERT: no segments, no pooler, and its names in files.

Paper: https://arxiv.org/abs/1910.01108
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class DistilBertConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are DistilBERT base's.

    `sinusoidal_pos_embds`: positions start as sines and cosines; `qa_dropout` and `seq_classif_dropout` are those of heads.
    """

    model_type: ClassVar[str] = "distilbert"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }
    internal_map: ClassVar[dict[str, str]] = {
        "intermediate_size": "hidden_dim",
        "hidden_act": "activation",
        "hidden_dropout_prob": "dropout",
    }
    layer_norm_eps: ClassVar[float] = 1e-12

    vocab_size: Length = 30522
    max_position_embeddings: Length = 512
    sinusoidal_pos_embds: bool = False
    n_layers: Depth = 6
    n_heads: Size = 12
    dim: Size = 768
    hidden_dim: Size = 3072
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.1
    activation: str = "gelu"
    initializer_range: Amount = 0.02
    qa_dropout: Rate = 0.1
    seq_classif_dropout: Rate = 0.2
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("dim", "n_heads")


TASKS = {
    "base": "DistilBertModel",
    "pretraining": "DistilBertForMaskedLM",
    "masked-lm": "DistilBertForMaskedLM",
    "sequence-classification": "DistilBertForSequenceClassification",
    "token-classification": "DistilBertForTokenClassification",
    "question-answering": "DistilBertForQuestionAnswering",
    "multiple-choice": "DistilBertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "DistilBertTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["DistilBertPreTrainedModel", *TASKS.values()],
        "tokenizer": ["DistilBertTokenizer", "DistilBertTokenizerFast"],
    },
)

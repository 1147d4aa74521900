"""ALBERT (Lan et al. 2020): BERT whose layers share their weights.

Differs from BERT: all layers of a group are one, embeddings are narrower than the states, and the pretraining head says whether
two texts stand in their order.

Paper: https://arxiv.org/abs/1909.11942
"""

from typing import ClassVar

from ...core.kinds import Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class AlbertConfig(EncoderConfig):
    """Hyperparameters; the defaults are those of ALBERT xxlarge.

    The `num_hidden_layers` passes go through `num_hidden_groups` sets of weights, each used as often as any other, and in
    each pass through `inner_group_num` layers of that set.
    """

    model_type: ClassVar[str] = "albert"
    internal_map: ClassVar[dict[str, str]] = {"classifier_dropout": "classifier_dropout_prob"}

    vocab_size: Length = 30000
    embedding_size: Size = 128
    hidden_size: Size = 4096
    num_hidden_groups: Size = 1
    num_attention_heads: Size = 64
    intermediate_size: Size = 16384
    inner_group_num: Size = 1
    hidden_act: str = "gelu_new"
    hidden_dropout_prob: Rate = 0.0
    attention_probs_dropout_prob: Rate = 0.0
    classifier_dropout_prob: Rate | None = 0.1
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3
    tie_word_embeddings: bool = True


TASKS = {
    "base": "AlbertModel",
    "pretraining": "AlbertForPreTraining",
    "masked-lm": "AlbertForMaskedLM",
    "sequence-classification": "AlbertForSequenceClassification",
    "token-classification": "AlbertForTokenClassification",
    "question-answering": "AlbertForQuestionAnswering",
    "multiple-choice": "AlbertForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "AlbertTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["AlbertPreTrainedModel", "AlbertForPreTrainingOutput", *TASKS.values()],
        "tokenizer": ["AlbertTokenizer", "AlbertTokenizerFast"],
    },
)

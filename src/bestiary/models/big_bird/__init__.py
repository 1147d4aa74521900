"""BigBird (Zaheer et al. 2020): BERT for long texts, whose blocks of tokens look at a few other blocks.

Differs from BERT: that attention, in texts longer than (5 + 2 * num_random_blocks) blocks; shorter ones have BERT's. A decoder
looks back only, by BERT's attention, however long its text is.

Paper: https://arxiv.org/abs/2007.14062
"""

from typing import ClassVar, Literal

from ...core.kinds import Count, Length, Size
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class BigBirdConfig(EncoderConfig):
    """Hyperparameters; the defaults are those of BigBird base.

    `attention_type`: "original_full" for BERT's attention everywhere. `block_size`: tokens in a block. `num_random_blocks`: how
    many random ones a block looks at in training. `use_bias`: of queries, keys and values. `rescale_embeddings` multiplies
    embedded words by sqrt(hidden_size).
    """

    model_type: ClassVar[str] = "big_bird"

    vocab_size: Length = 50358
    hidden_act: str = "gelu_new"
    max_position_embeddings: Length = 4096
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    sep_token_id: int | None = 66
    attention_type: Literal["block_sparse", "original_full"] = "block_sparse"
    use_bias: bool = True
    rescale_embeddings: bool = False
    block_size: Size = 64
    num_random_blocks: Count = 3
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True


TASKS = {
    "base": "BigBirdModel",
    "pretraining": "BigBirdForPreTraining",
    "causal-lm": "BigBirdForCausalLM",
    "masked-lm": "BigBirdForMaskedLM",
    "sequence-classification": "BigBirdForSequenceClassification",
    "token-classification": "BigBirdForTokenClassification",
    "question-answering": "BigBirdForQuestionAnswering",
    "multiple-choice": "BigBirdForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "BigBirdTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["BigBirdLayer", "BigBirdPreTrainedModel", *TASKS.values()],
        "tokenizer": ["BigBirdTokenizer", "BigBirdTokenizerFast"],
    },
)

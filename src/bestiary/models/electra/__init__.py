"""ELECTRA (Clark et al. 2020): BERT trained to tell which tokens a small masked language model put in.

Differs from BERT: embeddings may be narrower than the states, there is no pooler, the discriminator's head says of each token
whether it was replaced, and the generator is the one that fills in masked tokens.

Paper: https://arxiv.org/abs/2003.10555
"""

from typing import ClassVar

from ...core.kinds import Rate, Size
from ...core.plugins import lazy
from ...modeling.encoder_config import EncoderConfig


class ElectraConfig(EncoderConfig):
    """Hyperparameters; the defaults are the small ELECTRA's. The `summary_*` fields are for `ElectraForMultipleChoice`."""

    model_type: ClassVar[str] = "electra"

    embedding_size: Size = 128
    hidden_size: Size = 256
    num_attention_heads: Size = 4
    intermediate_size: Size = 1024
    summary_type: str = "first"
    summary_use_proj: bool = True
    summary_activation: str | None = "gelu"
    summary_last_dropout: Rate = 0.1
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None


TASKS = {
    "base": "ElectraModel",
    "pretraining": "ElectraForPreTraining",
    "causal-lm": "ElectraForCausalLM",
    "masked-lm": "ElectraForMaskedLM",
    "sequence-classification": "ElectraForSequenceClassification",
    "token-classification": "ElectraForTokenClassification",
    "question-answering": "ElectraForQuestionAnswering",
    "multiple-choice": "ElectraForMultipleChoice",
}

PREPROCESSORS = {"tokenizer": "BertTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["ElectraPreTrainedModel", "ElectraForPreTrainingOutput", *TASKS.values()]})

"""DeBERTa (He et al. 2020): attention that looks at content and at distance by two matrices.

Differs from DeBERTa v2: one matrix without bias makes queries, keys and values, distances have a row each, and texts are byte
pairs.

Paper: https://arxiv.org/abs/2006.03654
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Length
from ...modeling.disentangled_config import DisentangledConfig
from ...modeling.variant import Import, variant
from .. import deberta_v2


class DebertaConfig(DisentangledConfig):
    """Hyperparameters; the defaults are DeBERTa base's."""

    model_type: ClassVar[str] = "deberta"

    vocab_size: Length = 50265

    def validate(self) -> None:
        super().validate()
        if self.get("talking_head"):
            raise ConfigError("DebertaConfig: talking_head is true; heads that talk to each other are not here, expected false")


TASKS = {
    "base": "DebertaModel",
    "pretraining": "DebertaForMaskedLM",
    "masked-lm": "DebertaForMaskedLM",
    "sequence-classification": "DebertaForSequenceClassification",
    "token-classification": "DebertaForTokenClassification",
    "question-answering": "DebertaForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "DebertaTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    DebertaConfig,
    TASKS,
    deberta_v2,
    {"SelfAttention": Import(".model.DebertaSelfAttention")},
    further={"tokenizer": ["DebertaTokenizer", "DebertaTokenizerFast"]},
)

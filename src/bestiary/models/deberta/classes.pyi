# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..deberta_v2.model import DebertaV2ForMaskedLM as _DebertaV2ForMaskedLM
from ..deberta_v2.model import DebertaV2ForQuestionAnswering as _DebertaV2ForQuestionAnswering
from ..deberta_v2.model import DebertaV2ForSequenceClassification as _DebertaV2ForSequenceClassification
from ..deberta_v2.model import DebertaV2ForTokenClassification as _DebertaV2ForTokenClassification
from ..deberta_v2.model import DebertaV2Model as _DebertaV2Model
from ..deberta_v2.model import DebertaV2Pooled as _DebertaV2Pooled
from ..deberta_v2.model import DebertaV2PreTrainedModel as _DebertaV2PreTrainedModel
from . import DebertaConfig

class DebertaPreTrainedModel(_DebertaV2PreTrainedModel):
    config: DebertaConfig

class DebertaForMaskedLM(_DebertaV2ForMaskedLM, DebertaPreTrainedModel):
    config: DebertaConfig

class DebertaForQuestionAnswering(_DebertaV2ForQuestionAnswering, DebertaPreTrainedModel):
    config: DebertaConfig

class DebertaPooled(_DebertaV2Pooled, DebertaPreTrainedModel):
    config: DebertaConfig

class DebertaForSequenceClassification(_DebertaV2ForSequenceClassification, DebertaPooled, DebertaPreTrainedModel):
    config: DebertaConfig

class DebertaForTokenClassification(_DebertaV2ForTokenClassification, DebertaPreTrainedModel):
    config: DebertaConfig

class DebertaModel(_DebertaV2Model, DebertaPreTrainedModel):
    config: DebertaConfig

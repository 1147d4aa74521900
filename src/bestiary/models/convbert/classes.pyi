# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..electra.model import ElectraForMaskedLM as _ElectraForMaskedLM
from ..electra.model import ElectraForMultipleChoice as _ElectraForMultipleChoice
from ..electra.model import ElectraForQuestionAnswering as _ElectraForQuestionAnswering
from ..electra.model import ElectraForSequenceClassification as _ElectraForSequenceClassification
from ..electra.model import ElectraForTokenClassification as _ElectraForTokenClassification
from ..electra.model import ElectraLanguageHead as _ElectraLanguageHead
from ..electra.model import ElectraPreTrainedModel as _ElectraPreTrainedModel
from . import ConvBertConfig
from .model import ConvBertModel as _ConvBertModel

class ConvBertPreTrainedModel(_ElectraPreTrainedModel):
    config: ConvBertConfig

class ConvBertLanguageHead(_ElectraLanguageHead, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertForMaskedLM(_ElectraForMaskedLM, ConvBertLanguageHead, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertForMultipleChoice(_ElectraForMultipleChoice, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertForQuestionAnswering(_ElectraForQuestionAnswering, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertForSequenceClassification(_ElectraForSequenceClassification, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertForTokenClassification(_ElectraForTokenClassification, ConvBertPreTrainedModel):
    config: ConvBertConfig

class ConvBertModel(_ConvBertModel, ConvBertPreTrainedModel):
    config: ConvBertConfig

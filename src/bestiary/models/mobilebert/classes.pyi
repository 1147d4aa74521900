# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bert.model import BertForMaskedLM as _BertForMaskedLM
from ..bert.model import BertForMultipleChoice as _BertForMultipleChoice
from ..bert.model import BertForNextSentencePrediction as _BertForNextSentencePrediction
from ..bert.model import BertForPreTraining as _BertForPreTraining
from ..bert.model import BertForQuestionAnswering as _BertForQuestionAnswering
from ..bert.model import BertForSequenceClassification as _BertForSequenceClassification
from ..bert.model import BertForTokenClassification as _BertForTokenClassification
from ..bert.model import BertPreTrainedModel as _BertPreTrainedModel
from . import MobileBertConfig
from .model import MobileBertLanguageHead as _MobileBertLanguageHead
from .model import MobileBertModel as _MobileBertModel

class MobileBertPreTrainedModel(_BertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForMaskedLM(_BertForMaskedLM, _MobileBertLanguageHead, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForMultipleChoice(_BertForMultipleChoice, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForNextSentencePrediction(_BertForNextSentencePrediction, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForPreTraining(_BertForPreTraining, _MobileBertLanguageHead, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForQuestionAnswering(_BertForQuestionAnswering, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForSequenceClassification(_BertForSequenceClassification, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertForTokenClassification(_BertForTokenClassification, MobileBertPreTrainedModel):
    config: MobileBertConfig

class MobileBertModel(_MobileBertModel, MobileBertPreTrainedModel):
    config: MobileBertConfig

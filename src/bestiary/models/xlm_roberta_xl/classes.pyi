# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..roberta.model import RobertaForCausalLM as _RobertaForCausalLM
from ..roberta.model import RobertaForMaskedLM as _RobertaForMaskedLM
from ..roberta.model import RobertaForMultipleChoice as _RobertaForMultipleChoice
from ..roberta.model import RobertaForQuestionAnswering as _RobertaForQuestionAnswering
from ..roberta.model import RobertaForSequenceClassification as _RobertaForSequenceClassification
from ..roberta.model import RobertaHeaded as _RobertaHeaded
from ..roberta.model import RobertaLanguageHead as _RobertaLanguageHead
from ..roberta.model import RobertaModel as _RobertaModel
from ..roberta.model import RobertaPreTrainedModel as _RobertaPreTrainedModel
from . import XLMRobertaXLConfig
from .model import XLMRobertaXLForTokenClassification as _XLMRobertaXLForTokenClassification

class XLMRobertaXLPreTrainedModel(_RobertaPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLHeaded(_RobertaHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLLanguageHead(_RobertaLanguageHead, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForCausalLM(_RobertaForCausalLM, XLMRobertaXLLanguageHead, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForMaskedLM(_RobertaForMaskedLM, XLMRobertaXLLanguageHead, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForMultipleChoice(_RobertaForMultipleChoice, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForQuestionAnswering(_RobertaForQuestionAnswering, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForSequenceClassification(_RobertaForSequenceClassification, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLForTokenClassification(_XLMRobertaXLForTokenClassification, XLMRobertaXLHeaded, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

class XLMRobertaXLModel(_RobertaModel, XLMRobertaXLPreTrainedModel):
    config: XLMRobertaXLConfig

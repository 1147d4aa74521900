# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..roberta.model import RobertaForCausalLM as _RobertaForCausalLM
from ..roberta.model import RobertaForMaskedLM as _RobertaForMaskedLM
from ..roberta.model import RobertaForMultipleChoice as _RobertaForMultipleChoice
from ..roberta.model import RobertaForQuestionAnswering as _RobertaForQuestionAnswering
from ..roberta.model import RobertaForSequenceClassification as _RobertaForSequenceClassification
from ..roberta.model import RobertaForTokenClassification as _RobertaForTokenClassification
from ..roberta.model import RobertaHeaded as _RobertaHeaded
from ..roberta.model import RobertaLanguageHead as _RobertaLanguageHead
from ..roberta.model import RobertaModel as _RobertaModel
from ..roberta.model import RobertaPreTrainedModel as _RobertaPreTrainedModel
from . import XLMRobertaConfig

class XLMRobertaPreTrainedModel(_RobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaHeaded(_RobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaLanguageHead(_RobertaLanguageHead, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForCausalLM(_RobertaForCausalLM, XLMRobertaLanguageHead, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForMaskedLM(_RobertaForMaskedLM, XLMRobertaLanguageHead, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForMultipleChoice(_RobertaForMultipleChoice, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForQuestionAnswering(_RobertaForQuestionAnswering, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForSequenceClassification(_RobertaForSequenceClassification, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaForTokenClassification(_RobertaForTokenClassification, XLMRobertaHeaded, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

class XLMRobertaModel(_RobertaModel, XLMRobertaPreTrainedModel):
    config: XLMRobertaConfig

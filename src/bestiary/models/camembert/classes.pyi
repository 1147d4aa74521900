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
from . import CamembertConfig

class CamembertPreTrainedModel(_RobertaPreTrainedModel):
    config: CamembertConfig

class CamembertHeaded(_RobertaHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertLanguageHead(_RobertaLanguageHead, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForCausalLM(_RobertaForCausalLM, CamembertLanguageHead, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForMaskedLM(_RobertaForMaskedLM, CamembertLanguageHead, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForMultipleChoice(_RobertaForMultipleChoice, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForQuestionAnswering(_RobertaForQuestionAnswering, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForSequenceClassification(_RobertaForSequenceClassification, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertForTokenClassification(_RobertaForTokenClassification, CamembertHeaded, CamembertPreTrainedModel):
    config: CamembertConfig

class CamembertModel(_RobertaModel, CamembertPreTrainedModel):
    config: CamembertConfig

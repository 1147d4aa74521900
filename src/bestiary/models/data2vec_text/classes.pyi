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
from . import Data2VecTextConfig

class Data2VecTextPreTrainedModel(_RobertaPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextHeaded(_RobertaHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextLanguageHead(_RobertaLanguageHead, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForCausalLM(_RobertaForCausalLM, Data2VecTextLanguageHead, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForMaskedLM(_RobertaForMaskedLM, Data2VecTextLanguageHead, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForMultipleChoice(_RobertaForMultipleChoice, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForQuestionAnswering(_RobertaForQuestionAnswering, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForSequenceClassification(_RobertaForSequenceClassification, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextForTokenClassification(_RobertaForTokenClassification, Data2VecTextHeaded, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

class Data2VecTextModel(_RobertaModel, Data2VecTextPreTrainedModel):
    config: Data2VecTextConfig

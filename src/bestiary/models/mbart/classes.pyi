# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForCausalLM as _BartForCausalLM
from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartForQuestionAnswering as _BartForQuestionAnswering
from ..bart.model import BartForSequenceClassification as _BartForSequenceClassification
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartModel as _BartModel
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import MBartConfig

class MBartPreTrainedModel(_BartPreTrainedModel):
    config: MBartConfig

class MBartForCausalLM(_BartForCausalLM, MBartPreTrainedModel):
    config: MBartConfig

class MBartHeaded(_BartHeaded, MBartPreTrainedModel):
    config: MBartConfig

class MBartForConditionalGeneration(_BartForConditionalGeneration, MBartHeaded, MBartPreTrainedModel):
    config: MBartConfig

class MBartForQuestionAnswering(_BartForQuestionAnswering, MBartHeaded, MBartPreTrainedModel):
    config: MBartConfig

class MBartForSequenceClassification(_BartForSequenceClassification, MBartHeaded, MBartPreTrainedModel):
    config: MBartConfig

class MBartModel(_BartModel, MBartPreTrainedModel):
    config: MBartConfig

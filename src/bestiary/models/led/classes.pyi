# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartForQuestionAnswering as _BartForQuestionAnswering
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import LEDConfig
from .model import LEDModel as _LEDModel

class LEDPreTrainedModel(_BartPreTrainedModel):
    config: LEDConfig

class LEDHeaded(_BartHeaded, LEDPreTrainedModel):
    config: LEDConfig

class LEDForConditionalGeneration(_BartForConditionalGeneration, LEDHeaded, LEDPreTrainedModel):
    config: LEDConfig

class LEDForQuestionAnswering(_BartForQuestionAnswering, LEDHeaded, LEDPreTrainedModel):
    config: LEDConfig

class LEDModel(_LEDModel, LEDPreTrainedModel):
    config: LEDConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartModel as _BartModel
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import M2M100Config

class M2M100PreTrainedModel(_BartPreTrainedModel):
    config: M2M100Config

class M2M100Headed(_BartHeaded, M2M100PreTrainedModel):
    config: M2M100Config

class M2M100ForConditionalGeneration(_BartForConditionalGeneration, M2M100Headed, M2M100PreTrainedModel):
    config: M2M100Config

class M2M100Model(_BartModel, M2M100PreTrainedModel):
    config: M2M100Config

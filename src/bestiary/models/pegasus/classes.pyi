# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForCausalLM as _BartForCausalLM
from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartModel as _BartModel
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import PegasusConfig

class PegasusPreTrainedModel(_BartPreTrainedModel):
    config: PegasusConfig

class PegasusForCausalLM(_BartForCausalLM, PegasusPreTrainedModel):
    config: PegasusConfig

class PegasusHeaded(_BartHeaded, PegasusPreTrainedModel):
    config: PegasusConfig

class PegasusForConditionalGeneration(_BartForConditionalGeneration, PegasusHeaded, PegasusPreTrainedModel):
    config: PegasusConfig

class PegasusModel(_BartModel, PegasusPreTrainedModel):
    config: PegasusConfig

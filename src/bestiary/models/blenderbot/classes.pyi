# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForCausalLM as _BartForCausalLM
from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartModel as _BartModel
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import BlenderbotConfig

class BlenderbotPreTrainedModel(_BartPreTrainedModel):
    config: BlenderbotConfig

class BlenderbotForCausalLM(_BartForCausalLM, BlenderbotPreTrainedModel):
    config: BlenderbotConfig

class BlenderbotHeaded(_BartHeaded, BlenderbotPreTrainedModel):
    config: BlenderbotConfig

class BlenderbotForConditionalGeneration(_BartForConditionalGeneration, BlenderbotHeaded, BlenderbotPreTrainedModel):
    config: BlenderbotConfig

class BlenderbotModel(_BartModel, BlenderbotPreTrainedModel):
    config: BlenderbotConfig

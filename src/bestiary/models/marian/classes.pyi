# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForCausalLM as _BartForCausalLM
from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartHeaded as _BartHeaded
from . import MarianConfig
from .model import MarianModel as _MarianModel
from .model import MarianMTModel as _MarianMTModel
from .model import MarianPreTrainedModel as _MarianPreTrainedModel

class MarianPreTrainedModel(_MarianPreTrainedModel):
    config: MarianConfig

class MarianForCausalLM(_BartForCausalLM, MarianPreTrainedModel):
    config: MarianConfig

class MarianHeaded(_BartHeaded, MarianPreTrainedModel):
    config: MarianConfig

class MarianForConditionalGeneration(_BartForConditionalGeneration, MarianHeaded, MarianPreTrainedModel):
    config: MarianConfig

class MarianMTModel(_MarianMTModel, MarianForConditionalGeneration, MarianHeaded, MarianPreTrainedModel):
    config: MarianConfig

class MarianModel(_MarianModel, MarianPreTrainedModel):
    config: MarianConfig

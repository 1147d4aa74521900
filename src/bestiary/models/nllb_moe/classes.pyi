# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import NllbMoeConfig
from .model import NllbMoeForConditionalGeneration as _NllbMoeForConditionalGeneration
from .model import NllbMoeModel as _NllbMoeModel

class NllbMoePreTrainedModel(_BartPreTrainedModel):
    config: NllbMoeConfig

class NllbMoeHeaded(_BartHeaded, NllbMoePreTrainedModel):
    config: NllbMoeConfig

class NllbMoeForConditionalGeneration(_NllbMoeForConditionalGeneration, NllbMoeHeaded, NllbMoePreTrainedModel):
    config: NllbMoeConfig

class NllbMoeModel(_NllbMoeModel, NllbMoePreTrainedModel):
    config: NllbMoeConfig

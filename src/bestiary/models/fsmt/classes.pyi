# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartHeaded as _BartHeaded
from . import FSMTConfig
from .model import FSMTForConditionalGeneration as _FSMTForConditionalGeneration
from .model import FSMTModel as _FSMTModel
from .model import PretrainedFSMTModel as _PretrainedFSMTModel

class FSMTPreTrainedModel(_PretrainedFSMTModel):
    config: FSMTConfig

class FSMTHeaded(_BartHeaded, FSMTPreTrainedModel):
    config: FSMTConfig

class FSMTForConditionalGeneration(_FSMTForConditionalGeneration, FSMTHeaded, FSMTPreTrainedModel):
    config: FSMTConfig

class FSMTModel(_FSMTModel, FSMTPreTrainedModel):
    config: FSMTConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..t5.model import T5PreTrainedModel as _T5PreTrainedModel
from . import SwitchTransformersConfig
from .model import SwitchTransformersEncoderModel as _SwitchTransformersEncoderModel
from .model import SwitchTransformersForConditionalGeneration as _SwitchTransformersForConditionalGeneration
from .model import SwitchTransformersModel as _SwitchTransformersModel

class SwitchTransformersPreTrainedModel(_T5PreTrainedModel):
    config: SwitchTransformersConfig

class SwitchTransformersEncoderModel(_SwitchTransformersEncoderModel, SwitchTransformersPreTrainedModel):
    config: SwitchTransformersConfig

class SwitchTransformersModel(_SwitchTransformersModel, SwitchTransformersPreTrainedModel):
    config: SwitchTransformersConfig

class SwitchTransformersForConditionalGeneration(
    _SwitchTransformersForConditionalGeneration, SwitchTransformersModel, SwitchTransformersPreTrainedModel
):
    config: SwitchTransformersConfig

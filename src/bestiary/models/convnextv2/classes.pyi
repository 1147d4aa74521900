# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..convnext.model import ConvNextBackbone as _ConvNextBackbone
from ..convnext.model import ConvNextForImageClassification as _ConvNextForImageClassification
from ..convnext.model import ConvNextModel as _ConvNextModel
from ..convnext.model import ConvNextPreTrainedModel as _ConvNextPreTrainedModel
from . import ConvNextV2Config

class ConvNextV2PreTrainedModel(_ConvNextPreTrainedModel):
    config: ConvNextV2Config

class ConvNextV2Backbone(_ConvNextBackbone, ConvNextV2PreTrainedModel):
    config: ConvNextV2Config

class ConvNextV2ForImageClassification(_ConvNextForImageClassification, ConvNextV2PreTrainedModel):
    config: ConvNextV2Config

class ConvNextV2Model(_ConvNextModel, ConvNextV2PreTrainedModel):
    config: ConvNextV2Config

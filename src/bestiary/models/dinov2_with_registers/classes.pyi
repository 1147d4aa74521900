# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..dinov2.model import Dinov2Backbone as _Dinov2Backbone
from ..dinov2.model import Dinov2ForImageClassification as _Dinov2ForImageClassification
from ..dinov2.model import Dinov2Model as _Dinov2Model
from ..dinov2.model import Dinov2PreTrainedModel as _Dinov2PreTrainedModel
from . import Dinov2WithRegistersConfig

class Dinov2WithRegistersPreTrainedModel(_Dinov2PreTrainedModel):
    config: Dinov2WithRegistersConfig

class Dinov2WithRegistersBackbone(_Dinov2Backbone, Dinov2WithRegistersPreTrainedModel):
    config: Dinov2WithRegistersConfig

class Dinov2WithRegistersForImageClassification(_Dinov2ForImageClassification, Dinov2WithRegistersPreTrainedModel):
    config: Dinov2WithRegistersConfig

class Dinov2WithRegistersModel(_Dinov2Model, Dinov2WithRegistersPreTrainedModel):
    config: Dinov2WithRegistersConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..swin.model import SwinForImageClassification as _SwinForImageClassification
from ..swin.model import SwinForMaskedImageModeling as _SwinForMaskedImageModeling
from ..swin.model import SwinModel as _SwinModel
from ..swin.model import SwinPreTrainedModel as _SwinPreTrainedModel
from . import Swinv2Config
from .model import Swinv2Backbone as _Swinv2Backbone

class Swinv2PreTrainedModel(_SwinPreTrainedModel):
    config: Swinv2Config

class Swinv2Backbone(_Swinv2Backbone, Swinv2PreTrainedModel):
    config: Swinv2Config

class Swinv2ForImageClassification(_SwinForImageClassification, Swinv2PreTrainedModel):
    config: Swinv2Config

class Swinv2ForMaskedImageModeling(_SwinForMaskedImageModeling, Swinv2PreTrainedModel):
    config: Swinv2Config

class Swinv2Model(_SwinModel, Swinv2PreTrainedModel):
    config: Swinv2Config

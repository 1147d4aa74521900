# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..swin.model import SwinForImageClassification as _SwinForImageClassification
from ..swin.model import SwinForMaskedImageModeling as _SwinForMaskedImageModeling
from ..swin.model import SwinModel as _SwinModel
from ..swin.model import SwinPreTrainedModel as _SwinPreTrainedModel
from . import FocalNetConfig
from .model import FocalNetBackbone as _FocalNetBackbone

class FocalNetPreTrainedModel(_SwinPreTrainedModel):
    config: FocalNetConfig

class FocalNetBackbone(_FocalNetBackbone, FocalNetPreTrainedModel):
    config: FocalNetConfig

class FocalNetForImageClassification(_SwinForImageClassification, FocalNetPreTrainedModel):
    config: FocalNetConfig

class FocalNetForMaskedImageModeling(_SwinForMaskedImageModeling, FocalNetPreTrainedModel):
    config: FocalNetConfig

class FocalNetModel(_SwinModel, FocalNetPreTrainedModel):
    config: FocalNetConfig

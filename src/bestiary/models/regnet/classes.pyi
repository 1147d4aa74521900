# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..resnet.model import ResNetForImageClassification as _ResNetForImageClassification
from ..resnet.model import ResNetModel as _ResNetModel
from ..resnet.model import ResNetPreTrainedModel as _ResNetPreTrainedModel
from . import RegNetConfig

class RegNetPreTrainedModel(_ResNetPreTrainedModel):
    config: RegNetConfig

class RegNetForImageClassification(_ResNetForImageClassification, RegNetPreTrainedModel):
    config: RegNetConfig

class RegNetModel(_ResNetModel, RegNetPreTrainedModel):
    config: RegNetConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..vit.model import ViTPreTrainedModel as _ViTPreTrainedModel
from . import ViTMSNConfig
from .model import ViTMSNForImageClassification as _ViTMSNForImageClassification
from .model import ViTMSNModel as _ViTMSNModel

class ViTMSNPreTrainedModel(_ViTPreTrainedModel):
    config: ViTMSNConfig

class ViTMSNForImageClassification(_ViTMSNForImageClassification, ViTMSNPreTrainedModel):
    config: ViTMSNConfig

class ViTMSNModel(_ViTMSNModel, ViTMSNPreTrainedModel):
    config: ViTMSNConfig

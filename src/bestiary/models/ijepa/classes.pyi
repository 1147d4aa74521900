# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..vit.model import ViTPreTrainedModel as _ViTPreTrainedModel
from . import IJepaConfig
from .model import IJepaForImageClassification as _IJepaForImageClassification
from .model import IJepaModel as _IJepaModel

class IJepaPreTrainedModel(_ViTPreTrainedModel):
    config: IJepaConfig

class IJepaForImageClassification(_IJepaForImageClassification, IJepaPreTrainedModel):
    config: IJepaConfig

class IJepaModel(_IJepaModel, IJepaPreTrainedModel):
    config: IJepaConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..vit.model import ViTForImageClassification as _ViTForImageClassification
from ..vit.model import ViTForMaskedImageModeling as _ViTForMaskedImageModeling
from ..vit.model import ViTModel as _ViTModel
from ..vit.model import ViTPreTrainedModel as _ViTPreTrainedModel
from . import DeiTConfig
from .model import DeiTForImageClassificationWithTeacher as _DeiTForImageClassificationWithTeacher

class DeiTPreTrainedModel(_ViTPreTrainedModel):
    config: DeiTConfig

class DeiTForImageClassification(_ViTForImageClassification, DeiTPreTrainedModel):
    config: DeiTConfig

class DeiTForImageClassificationWithTeacher(_DeiTForImageClassificationWithTeacher, DeiTPreTrainedModel):
    config: DeiTConfig

class DeiTForMaskedImageModeling(_ViTForMaskedImageModeling, DeiTPreTrainedModel):
    config: DeiTConfig

class DeiTModel(_ViTModel, DeiTPreTrainedModel):
    config: DeiTConfig

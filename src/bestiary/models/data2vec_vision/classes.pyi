# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..beit.model import BeitForImageClassification as _BeitForImageClassification
from ..beit.model import BeitForSemanticSegmentation as _BeitForSemanticSegmentation
from ..beit.model import BeitPreTrainedModel as _BeitPreTrainedModel
from . import Data2VecVisionConfig
from .model import Data2VecVisionModel as _Data2VecVisionModel

class Data2VecVisionPreTrainedModel(_BeitPreTrainedModel):
    config: Data2VecVisionConfig

class Data2VecVisionForImageClassification(_BeitForImageClassification, Data2VecVisionPreTrainedModel):
    config: Data2VecVisionConfig

class Data2VecVisionForSemanticSegmentation(_BeitForSemanticSegmentation, Data2VecVisionPreTrainedModel):
    config: Data2VecVisionConfig

class Data2VecVisionModel(_Data2VecVisionModel, Data2VecVisionPreTrainedModel):
    config: Data2VecVisionConfig

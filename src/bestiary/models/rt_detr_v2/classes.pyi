# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..rt_detr.model import RTDetrForObjectDetection as _RTDetrForObjectDetection
from ..rt_detr.model import RTDetrModel as _RTDetrModel
from ..rt_detr.model import RTDetrPreTrainedModel as _RTDetrPreTrainedModel
from . import RTDetrV2Config

class RTDetrV2PreTrainedModel(_RTDetrPreTrainedModel):
    config: RTDetrV2Config

class RTDetrV2ForObjectDetection(_RTDetrForObjectDetection, RTDetrV2PreTrainedModel):
    config: RTDetrV2Config

class RTDetrV2Model(_RTDetrModel, RTDetrV2PreTrainedModel):
    config: RTDetrV2Config

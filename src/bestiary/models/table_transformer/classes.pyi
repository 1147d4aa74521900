# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..detr.model import DetrForObjectDetection as _DetrForObjectDetection
from ..detr.model import DetrModel as _DetrModel
from ..detr.model import DetrPreTrainedModel as _DetrPreTrainedModel
from . import TableTransformerConfig

class TableTransformerPreTrainedModel(_DetrPreTrainedModel):
    config: TableTransformerConfig

class TableTransformerForObjectDetection(_DetrForObjectDetection, TableTransformerPreTrainedModel):
    config: TableTransformerConfig

class TableTransformerModel(_DetrModel, TableTransformerPreTrainedModel):
    config: TableTransformerConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import EuroBertConfig
from .model import EuroBertForMaskedLM as _EuroBertForMaskedLM
from .model import EuroBertForSequenceClassification as _EuroBertForSequenceClassification
from .model import EuroBertModel as _EuroBertModel

class EuroBertPreTrainedModel(_LlamaPreTrainedModel):
    config: EuroBertConfig

class EuroBertForMaskedLM(_EuroBertForMaskedLM, EuroBertPreTrainedModel):
    config: EuroBertConfig

class EuroBertForSequenceClassification(_EuroBertForSequenceClassification, EuroBertPreTrainedModel):
    config: EuroBertConfig

class EuroBertForTokenClassification(_LlamaForTokenClassification, EuroBertPreTrainedModel):
    config: EuroBertConfig

class EuroBertModel(_EuroBertModel, EuroBertPreTrainedModel):
    config: EuroBertConfig

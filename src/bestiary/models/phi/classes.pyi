# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import PhiConfig

class PhiPreTrainedModel(_LlamaPreTrainedModel):
    config: PhiConfig

class PhiForCausalLM(_LlamaForCausalLM, PhiPreTrainedModel):
    config: PhiConfig

class PhiForSequenceClassification(_LlamaForSequenceClassification, PhiPreTrainedModel):
    config: PhiConfig

class PhiForTokenClassification(_LlamaForTokenClassification, PhiPreTrainedModel):
    config: PhiConfig

class PhiModel(_LlamaModel, PhiPreTrainedModel):
    config: PhiConfig

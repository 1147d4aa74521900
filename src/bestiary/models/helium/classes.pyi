# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import HeliumConfig

class HeliumPreTrainedModel(_LlamaPreTrainedModel):
    config: HeliumConfig

class HeliumForCausalLM(_LlamaForCausalLM, HeliumPreTrainedModel):
    config: HeliumConfig

class HeliumForSequenceClassification(_LlamaForSequenceClassification, HeliumPreTrainedModel):
    config: HeliumConfig

class HeliumForTokenClassification(_LlamaForTokenClassification, HeliumPreTrainedModel):
    config: HeliumConfig

class HeliumModel(_LlamaModel, HeliumPreTrainedModel):
    config: HeliumConfig

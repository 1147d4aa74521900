# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import OlmoConfig

class OlmoPreTrainedModel(_LlamaPreTrainedModel):
    config: OlmoConfig

class OlmoForCausalLM(_LlamaForCausalLM, OlmoPreTrainedModel):
    config: OlmoConfig

class OlmoForSequenceClassification(_LlamaForSequenceClassification, OlmoPreTrainedModel):
    config: OlmoConfig

class OlmoModel(_LlamaModel, OlmoPreTrainedModel):
    config: OlmoConfig

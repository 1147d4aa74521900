# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Gemma3TextConfig

class Gemma3TextPreTrainedModel(_LlamaPreTrainedModel):
    config: Gemma3TextConfig

class Gemma3ForCausalLM(_LlamaForCausalLM, Gemma3TextPreTrainedModel):
    config: Gemma3TextConfig

class Gemma3TextForSequenceClassification(_LlamaForSequenceClassification, Gemma3TextPreTrainedModel):
    config: Gemma3TextConfig

class Gemma3TextModel(_LlamaModel, Gemma3TextPreTrainedModel):
    config: Gemma3TextConfig

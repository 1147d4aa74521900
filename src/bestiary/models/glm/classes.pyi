# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import GlmConfig

class GlmPreTrainedModel(_LlamaPreTrainedModel):
    config: GlmConfig

class GlmForCausalLM(_LlamaForCausalLM, GlmPreTrainedModel):
    config: GlmConfig

class GlmForSequenceClassification(_LlamaForSequenceClassification, GlmPreTrainedModel):
    config: GlmConfig

class GlmForTokenClassification(_LlamaForTokenClassification, GlmPreTrainedModel):
    config: GlmConfig

class GlmModel(_LlamaModel, GlmPreTrainedModel):
    config: GlmConfig

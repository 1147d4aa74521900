# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import GemmaConfig

class GemmaPreTrainedModel(_LlamaPreTrainedModel):
    config: GemmaConfig

class GemmaForCausalLM(_LlamaForCausalLM, GemmaPreTrainedModel):
    config: GemmaConfig

class GemmaForSequenceClassification(_LlamaForSequenceClassification, GemmaPreTrainedModel):
    config: GemmaConfig

class GemmaForTokenClassification(_LlamaForTokenClassification, GemmaPreTrainedModel):
    config: GemmaConfig

class GemmaModel(_LlamaModel, GemmaPreTrainedModel):
    config: GemmaConfig

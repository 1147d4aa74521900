# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Phi3Config

class Phi3PreTrainedModel(_LlamaPreTrainedModel):
    config: Phi3Config

class Phi3ForCausalLM(_LlamaForCausalLM, Phi3PreTrainedModel):
    config: Phi3Config

class Phi3ForSequenceClassification(_LlamaForSequenceClassification, Phi3PreTrainedModel):
    config: Phi3Config

class Phi3ForTokenClassification(_LlamaForTokenClassification, Phi3PreTrainedModel):
    config: Phi3Config

class Phi3Model(_LlamaModel, Phi3PreTrainedModel):
    config: Phi3Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Starcoder2Config

class Starcoder2PreTrainedModel(_LlamaPreTrainedModel):
    config: Starcoder2Config

class Starcoder2ForCausalLM(_LlamaForCausalLM, Starcoder2PreTrainedModel):
    config: Starcoder2Config

class Starcoder2ForSequenceClassification(_LlamaForSequenceClassification, Starcoder2PreTrainedModel):
    config: Starcoder2Config

class Starcoder2ForTokenClassification(_LlamaForTokenClassification, Starcoder2PreTrainedModel):
    config: Starcoder2Config

class Starcoder2Model(_LlamaModel, Starcoder2PreTrainedModel):
    config: Starcoder2Config

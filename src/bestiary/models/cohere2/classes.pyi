# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Cohere2Config

class Cohere2PreTrainedModel(_LlamaPreTrainedModel):
    config: Cohere2Config

class Cohere2ForCausalLM(_LlamaForCausalLM, Cohere2PreTrainedModel):
    config: Cohere2Config

class Cohere2Model(_LlamaModel, Cohere2PreTrainedModel):
    config: Cohere2Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Ernie4_5Config

class Ernie4_5PreTrainedModel(_LlamaPreTrainedModel):
    config: Ernie4_5Config

class Ernie4_5ForCausalLM(_LlamaForCausalLM, Ernie4_5PreTrainedModel):
    config: Ernie4_5Config

class Ernie4_5Model(_LlamaModel, Ernie4_5PreTrainedModel):
    config: Ernie4_5Config

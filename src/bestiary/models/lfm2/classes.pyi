# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Lfm2Config

class Lfm2PreTrainedModel(_LlamaPreTrainedModel):
    config: Lfm2Config

class Lfm2ForCausalLM(_LlamaForCausalLM, Lfm2PreTrainedModel):
    config: Lfm2Config

class Lfm2Model(_LlamaModel, Lfm2PreTrainedModel):
    config: Lfm2Config

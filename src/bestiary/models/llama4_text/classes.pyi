# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import Llama4TextConfig

class Llama4TextPreTrainedModel(_LlamaPreTrainedModel):
    config: Llama4TextConfig

class Llama4ForCausalLM(_LlamaForCausalLM, Llama4TextPreTrainedModel):
    config: Llama4TextConfig

class Llama4TextModel(_MixtralModel, Llama4TextPreTrainedModel):
    config: Llama4TextConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import GraniteConfig

class GranitePreTrainedModel(_LlamaPreTrainedModel):
    config: GraniteConfig

class GraniteForCausalLM(_LlamaForCausalLM, GranitePreTrainedModel):
    config: GraniteConfig

class GraniteModel(_LlamaModel, GranitePreTrainedModel):
    config: GraniteConfig

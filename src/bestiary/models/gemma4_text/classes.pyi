# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from . import Gemma4TextConfig
from .model import Gemma4TextModel as _Gemma4TextModel
from .model import Gemma4TextPreTrainedModel as _Gemma4TextPreTrainedModel

class Gemma4TextPreTrainedModel(_Gemma4TextPreTrainedModel):
    config: Gemma4TextConfig

class Gemma4ForCausalLM(_LlamaForCausalLM, Gemma4TextPreTrainedModel):
    config: Gemma4TextConfig

class Gemma4TextModel(_Gemma4TextModel, Gemma4TextPreTrainedModel):
    config: Gemma4TextConfig

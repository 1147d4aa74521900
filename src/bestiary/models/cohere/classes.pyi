# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import CohereConfig

class CoherePreTrainedModel(_LlamaPreTrainedModel):
    config: CohereConfig

class CohereForCausalLM(_LlamaForCausalLM, CoherePreTrainedModel):
    config: CohereConfig

class CohereModel(_LlamaModel, CoherePreTrainedModel):
    config: CohereConfig

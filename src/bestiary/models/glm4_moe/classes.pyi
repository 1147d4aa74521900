# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import Glm4MoeConfig

class Glm4MoePreTrainedModel(_LlamaPreTrainedModel):
    config: Glm4MoeConfig

class Glm4MoeForCausalLM(_LlamaForCausalLM, Glm4MoePreTrainedModel):
    config: Glm4MoeConfig

class Glm4MoeModel(_MixtralModel, Glm4MoePreTrainedModel):
    config: Glm4MoeConfig

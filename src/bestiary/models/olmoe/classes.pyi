# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import OlmoeConfig

class OlmoePreTrainedModel(_LlamaPreTrainedModel):
    config: OlmoeConfig

class OlmoeForCausalLM(_MixtralForCausalLM, OlmoePreTrainedModel):
    config: OlmoeConfig

class OlmoeModel(_MixtralModel, OlmoePreTrainedModel):
    config: OlmoeConfig

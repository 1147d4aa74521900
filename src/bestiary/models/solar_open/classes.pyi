# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import SolarOpenConfig

class SolarOpenPreTrainedModel(_LlamaPreTrainedModel):
    config: SolarOpenConfig

class SolarOpenForCausalLM(_LlamaForCausalLM, SolarOpenPreTrainedModel):
    config: SolarOpenConfig

class SolarOpenModel(_MixtralModel, SolarOpenPreTrainedModel):
    config: SolarOpenConfig

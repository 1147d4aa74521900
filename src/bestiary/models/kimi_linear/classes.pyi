# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import KimiLinearConfig

class KimiLinearPreTrainedModel(_LlamaPreTrainedModel):
    config: KimiLinearConfig

class KimiLinearForCausalLM(_LlamaForCausalLM, KimiLinearPreTrainedModel):
    config: KimiLinearConfig

class KimiLinearModel(_MixtralModel, KimiLinearPreTrainedModel):
    config: KimiLinearConfig

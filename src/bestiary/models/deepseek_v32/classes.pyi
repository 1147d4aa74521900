# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import DeepseekV32Config

class DeepseekV32PreTrainedModel(_LlamaPreTrainedModel):
    config: DeepseekV32Config

class DeepseekV32ForCausalLM(_LlamaForCausalLM, DeepseekV32PreTrainedModel):
    config: DeepseekV32Config

class DeepseekV32Model(_MixtralModel, DeepseekV32PreTrainedModel):
    config: DeepseekV32Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import MiniMaxM2Config

class MiniMaxM2PreTrainedModel(_LlamaPreTrainedModel):
    config: MiniMaxM2Config

class MiniMaxM2ForCausalLM(_MixtralForCausalLM, MiniMaxM2PreTrainedModel):
    config: MiniMaxM2Config

class MiniMaxM2Model(_MixtralModel, MiniMaxM2PreTrainedModel):
    config: MiniMaxM2Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import NemotronHConfig
from .model import NemotronHModel as _NemotronHModel

class NemotronHPreTrainedModel(_LlamaPreTrainedModel):
    config: NemotronHConfig

class NemotronHForCausalLM(_LlamaForCausalLM, NemotronHPreTrainedModel):
    config: NemotronHConfig

class NemotronHModel(_NemotronHModel, NemotronHPreTrainedModel):
    config: NemotronHConfig

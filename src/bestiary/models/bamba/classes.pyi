# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import BambaConfig
from .model import BambaForCausalLM as _BambaForCausalLM

class BambaPreTrainedModel(_LlamaPreTrainedModel):
    config: BambaConfig

class BambaForCausalLM(_BambaForCausalLM, BambaPreTrainedModel):
    config: BambaConfig

class BambaModel(_LlamaModel, BambaPreTrainedModel):
    config: BambaConfig

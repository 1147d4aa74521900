# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..mamba.model import MambaForCausalLM as _MambaForCausalLM
from ..mamba.model import MambaModel as _MambaModel
from ..mamba.model import MambaPreTrainedModel as _MambaPreTrainedModel
from . import Mamba2Config

class Mamba2PreTrainedModel(_MambaPreTrainedModel):
    config: Mamba2Config

class Mamba2ForCausalLM(_MambaForCausalLM, Mamba2PreTrainedModel):
    config: Mamba2Config

class Mamba2Model(_MambaModel, Mamba2PreTrainedModel):
    config: Mamba2Config

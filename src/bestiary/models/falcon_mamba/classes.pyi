# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..mamba.model import MambaForCausalLM as _MambaForCausalLM
from ..mamba.model import MambaModel as _MambaModel
from ..mamba.model import MambaPreTrainedModel as _MambaPreTrainedModel
from . import FalconMambaConfig

class FalconMambaPreTrainedModel(_MambaPreTrainedModel):
    config: FalconMambaConfig

class FalconMambaForCausalLM(_MambaForCausalLM, FalconMambaPreTrainedModel):
    config: FalconMambaConfig

class FalconMambaModel(_MambaModel, FalconMambaPreTrainedModel):
    config: FalconMambaConfig

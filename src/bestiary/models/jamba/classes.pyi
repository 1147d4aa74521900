# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import JambaConfig

class JambaPreTrainedModel(_LlamaPreTrainedModel):
    config: JambaConfig

class JambaForCausalLM(_MixtralForCausalLM, JambaPreTrainedModel):
    config: JambaConfig

class JambaForSequenceClassification(_LlamaForSequenceClassification, JambaPreTrainedModel):
    config: JambaConfig

class JambaModel(_MixtralModel, JambaPreTrainedModel):
    config: JambaConfig

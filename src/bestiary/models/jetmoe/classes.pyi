# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import JetMoeConfig

class JetMoePreTrainedModel(_LlamaPreTrainedModel):
    config: JetMoeConfig

class JetMoeForCausalLM(_MixtralForCausalLM, JetMoePreTrainedModel):
    config: JetMoeConfig

class JetMoeForSequenceClassification(_LlamaForSequenceClassification, JetMoePreTrainedModel):
    config: JetMoeConfig

class JetMoeModel(_MixtralModel, JetMoePreTrainedModel):
    config: JetMoeConfig

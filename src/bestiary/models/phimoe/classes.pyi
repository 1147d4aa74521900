# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from . import PhimoeConfig
from .model import PhimoeModel as _PhimoeModel

class PhimoePreTrainedModel(_LlamaPreTrainedModel):
    config: PhimoeConfig

class PhimoeForCausalLM(_MixtralForCausalLM, PhimoePreTrainedModel):
    config: PhimoeConfig

class PhimoeForSequenceClassification(_LlamaForSequenceClassification, PhimoePreTrainedModel):
    config: PhimoeConfig

class PhimoeModel(_PhimoeModel, PhimoePreTrainedModel):
    config: PhimoeConfig

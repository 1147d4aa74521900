# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import DeepseekV2Config

class DeepseekV2PreTrainedModel(_LlamaPreTrainedModel):
    config: DeepseekV2Config

class DeepseekV2ForCausalLM(_LlamaForCausalLM, DeepseekV2PreTrainedModel):
    config: DeepseekV2Config

class DeepseekV2ForSequenceClassification(_LlamaForSequenceClassification, DeepseekV2PreTrainedModel):
    config: DeepseekV2Config

class DeepseekV2Model(_MixtralModel, DeepseekV2PreTrainedModel):
    config: DeepseekV2Config

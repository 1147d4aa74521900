# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralModel as _MixtralModel
from . import DeepseekV3Config

class DeepseekV3PreTrainedModel(_LlamaPreTrainedModel):
    config: DeepseekV3Config

class DeepseekV3ForCausalLM(_LlamaForCausalLM, DeepseekV3PreTrainedModel):
    config: DeepseekV3Config

class DeepseekV3ForSequenceClassification(_LlamaForSequenceClassification, DeepseekV3PreTrainedModel):
    config: DeepseekV3Config

class DeepseekV3ForTokenClassification(_LlamaForTokenClassification, DeepseekV3PreTrainedModel):
    config: DeepseekV3Config

class DeepseekV3Model(_MixtralModel, DeepseekV3PreTrainedModel):
    config: DeepseekV3Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import MinistralConfig

class MinistralPreTrainedModel(_LlamaPreTrainedModel):
    config: MinistralConfig

class MinistralForCausalLM(_LlamaForCausalLM, MinistralPreTrainedModel):
    config: MinistralConfig

class MinistralForQuestionAnswering(_LlamaForQuestionAnswering, MinistralPreTrainedModel):
    config: MinistralConfig

class MinistralForSequenceClassification(_LlamaForSequenceClassification, MinistralPreTrainedModel):
    config: MinistralConfig

class MinistralForTokenClassification(_LlamaForTokenClassification, MinistralPreTrainedModel):
    config: MinistralConfig

class MinistralModel(_LlamaModel, MinistralPreTrainedModel):
    config: MinistralConfig

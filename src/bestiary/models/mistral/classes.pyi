# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import MistralConfig

class MistralPreTrainedModel(_LlamaPreTrainedModel):
    config: MistralConfig

class MistralForCausalLM(_LlamaForCausalLM, MistralPreTrainedModel):
    config: MistralConfig

class MistralForQuestionAnswering(_LlamaForQuestionAnswering, MistralPreTrainedModel):
    config: MistralConfig

class MistralForSequenceClassification(_LlamaForSequenceClassification, MistralPreTrainedModel):
    config: MistralConfig

class MistralForTokenClassification(_LlamaForTokenClassification, MistralPreTrainedModel):
    config: MistralConfig

class MistralModel(_LlamaModel, MistralPreTrainedModel):
    config: MistralConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import MixtralConfig
from .model import MixtralForCausalLM as _MixtralForCausalLM
from .model import MixtralModel as _MixtralModel

class MixtralPreTrainedModel(_LlamaPreTrainedModel):
    config: MixtralConfig

class MixtralForCausalLM(_MixtralForCausalLM, MixtralPreTrainedModel):
    config: MixtralConfig

class MixtralForQuestionAnswering(_LlamaForQuestionAnswering, MixtralPreTrainedModel):
    config: MixtralConfig

class MixtralForSequenceClassification(_LlamaForSequenceClassification, MixtralPreTrainedModel):
    config: MixtralConfig

class MixtralForTokenClassification(_LlamaForTokenClassification, MixtralPreTrainedModel):
    config: MixtralConfig

class MixtralModel(_MixtralModel, MixtralPreTrainedModel):
    config: MixtralConfig

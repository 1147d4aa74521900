# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import MiniMaxConfig

class MiniMaxPreTrainedModel(_LlamaPreTrainedModel):
    config: MiniMaxConfig

class MiniMaxForCausalLM(_MixtralForCausalLM, MiniMaxPreTrainedModel):
    config: MiniMaxConfig

class MiniMaxForQuestionAnswering(_LlamaForQuestionAnswering, MiniMaxPreTrainedModel):
    config: MiniMaxConfig

class MiniMaxForSequenceClassification(_LlamaForSequenceClassification, MiniMaxPreTrainedModel):
    config: MiniMaxConfig

class MiniMaxForTokenClassification(_LlamaForTokenClassification, MiniMaxPreTrainedModel):
    config: MiniMaxConfig

class MiniMaxModel(_MixtralModel, MiniMaxPreTrainedModel):
    config: MiniMaxConfig

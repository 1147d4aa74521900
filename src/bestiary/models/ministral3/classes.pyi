# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Ministral3Config

class Ministral3PreTrainedModel(_LlamaPreTrainedModel):
    config: Ministral3Config

class Ministral3ForCausalLM(_LlamaForCausalLM, Ministral3PreTrainedModel):
    config: Ministral3Config

class Ministral3ForQuestionAnswering(_LlamaForQuestionAnswering, Ministral3PreTrainedModel):
    config: Ministral3Config

class Ministral3ForSequenceClassification(_LlamaForSequenceClassification, Ministral3PreTrainedModel):
    config: Ministral3Config

class Ministral3ForTokenClassification(_LlamaForTokenClassification, Ministral3PreTrainedModel):
    config: Ministral3Config

class Ministral3Model(_LlamaModel, Ministral3PreTrainedModel):
    config: Ministral3Config

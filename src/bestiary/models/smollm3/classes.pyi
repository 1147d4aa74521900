# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import SmolLM3Config

class SmolLM3PreTrainedModel(_LlamaPreTrainedModel):
    config: SmolLM3Config

class SmolLM3ForCausalLM(_LlamaForCausalLM, SmolLM3PreTrainedModel):
    config: SmolLM3Config

class SmolLM3ForQuestionAnswering(_LlamaForQuestionAnswering, SmolLM3PreTrainedModel):
    config: SmolLM3Config

class SmolLM3ForSequenceClassification(_LlamaForSequenceClassification, SmolLM3PreTrainedModel):
    config: SmolLM3Config

class SmolLM3ForTokenClassification(_LlamaForTokenClassification, SmolLM3PreTrainedModel):
    config: SmolLM3Config

class SmolLM3Model(_LlamaModel, SmolLM3PreTrainedModel):
    config: SmolLM3Config

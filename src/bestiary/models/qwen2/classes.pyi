# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Qwen2Config

class Qwen2PreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen2Config

class Qwen2ForCausalLM(_LlamaForCausalLM, Qwen2PreTrainedModel):
    config: Qwen2Config

class Qwen2ForQuestionAnswering(_LlamaForQuestionAnswering, Qwen2PreTrainedModel):
    config: Qwen2Config

class Qwen2ForSequenceClassification(_LlamaForSequenceClassification, Qwen2PreTrainedModel):
    config: Qwen2Config

class Qwen2ForTokenClassification(_LlamaForTokenClassification, Qwen2PreTrainedModel):
    config: Qwen2Config

class Qwen2Model(_LlamaModel, Qwen2PreTrainedModel):
    config: Qwen2Config

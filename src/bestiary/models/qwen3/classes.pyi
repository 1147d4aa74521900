# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Qwen3Config

class Qwen3PreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen3Config

class Qwen3ForCausalLM(_LlamaForCausalLM, Qwen3PreTrainedModel):
    config: Qwen3Config

class Qwen3ForQuestionAnswering(_LlamaForQuestionAnswering, Qwen3PreTrainedModel):
    config: Qwen3Config

class Qwen3ForSequenceClassification(_LlamaForSequenceClassification, Qwen3PreTrainedModel):
    config: Qwen3Config

class Qwen3ForTokenClassification(_LlamaForTokenClassification, Qwen3PreTrainedModel):
    config: Qwen3Config

class Qwen3Model(_LlamaModel, Qwen3PreTrainedModel):
    config: Qwen3Config

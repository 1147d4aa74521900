# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Gemma2Config

class Gemma2PreTrainedModel(_LlamaPreTrainedModel):
    config: Gemma2Config

class Gemma2ForCausalLM(_LlamaForCausalLM, Gemma2PreTrainedModel):
    config: Gemma2Config

class Gemma2ForSequenceClassification(_LlamaForSequenceClassification, Gemma2PreTrainedModel):
    config: Gemma2Config

class Gemma2ForTokenClassification(_LlamaForTokenClassification, Gemma2PreTrainedModel):
    config: Gemma2Config

class Gemma2Model(_LlamaModel, Gemma2PreTrainedModel):
    config: Gemma2Config

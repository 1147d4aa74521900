# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Olmo2Config

class Olmo2PreTrainedModel(_LlamaPreTrainedModel):
    config: Olmo2Config

class Olmo2ForCausalLM(_LlamaForCausalLM, Olmo2PreTrainedModel):
    config: Olmo2Config

class Olmo2ForSequenceClassification(_LlamaForSequenceClassification, Olmo2PreTrainedModel):
    config: Olmo2Config

class Olmo2Model(_LlamaModel, Olmo2PreTrainedModel):
    config: Olmo2Config

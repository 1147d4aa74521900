# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Olmo3Config

class Olmo3PreTrainedModel(_LlamaPreTrainedModel):
    config: Olmo3Config

class Olmo3ForCausalLM(_LlamaForCausalLM, Olmo3PreTrainedModel):
    config: Olmo3Config

class Olmo3ForSequenceClassification(_LlamaForSequenceClassification, Olmo3PreTrainedModel):
    config: Olmo3Config

class Olmo3Model(_LlamaModel, Olmo3PreTrainedModel):
    config: Olmo3Config

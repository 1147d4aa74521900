# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Glm4Config

class Glm4PreTrainedModel(_LlamaPreTrainedModel):
    config: Glm4Config

class Glm4ForCausalLM(_LlamaForCausalLM, Glm4PreTrainedModel):
    config: Glm4Config

class Glm4ForSequenceClassification(_LlamaForSequenceClassification, Glm4PreTrainedModel):
    config: Glm4Config

class Glm4ForTokenClassification(_LlamaForTokenClassification, Glm4PreTrainedModel):
    config: Glm4Config

class Glm4Model(_LlamaModel, Glm4PreTrainedModel):
    config: Glm4Config

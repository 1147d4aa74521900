# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Exaone4Config

class Exaone4PreTrainedModel(_LlamaPreTrainedModel):
    config: Exaone4Config

class Exaone4ForCausalLM(_LlamaForCausalLM, Exaone4PreTrainedModel):
    config: Exaone4Config

class Exaone4ForQuestionAnswering(_LlamaForQuestionAnswering, Exaone4PreTrainedModel):
    config: Exaone4Config

class Exaone4ForSequenceClassification(_LlamaForSequenceClassification, Exaone4PreTrainedModel):
    config: Exaone4Config

class Exaone4ForTokenClassification(_LlamaForTokenClassification, Exaone4PreTrainedModel):
    config: Exaone4Config

class Exaone4Model(_LlamaModel, Exaone4PreTrainedModel):
    config: Exaone4Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import NemotronConfig

class NemotronPreTrainedModel(_LlamaPreTrainedModel):
    config: NemotronConfig

class NemotronForCausalLM(_LlamaForCausalLM, NemotronPreTrainedModel):
    config: NemotronConfig

class NemotronForQuestionAnswering(_LlamaForQuestionAnswering, NemotronPreTrainedModel):
    config: NemotronConfig

class NemotronForSequenceClassification(_LlamaForSequenceClassification, NemotronPreTrainedModel):
    config: NemotronConfig

class NemotronForTokenClassification(_LlamaForTokenClassification, NemotronPreTrainedModel):
    config: NemotronConfig

class NemotronModel(_LlamaModel, NemotronPreTrainedModel):
    config: NemotronConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import ArceeConfig

class ArceePreTrainedModel(_LlamaPreTrainedModel):
    config: ArceeConfig

class ArceeForCausalLM(_LlamaForCausalLM, ArceePreTrainedModel):
    config: ArceeConfig

class ArceeForQuestionAnswering(_LlamaForQuestionAnswering, ArceePreTrainedModel):
    config: ArceeConfig

class ArceeForSequenceClassification(_LlamaForSequenceClassification, ArceePreTrainedModel):
    config: ArceeConfig

class ArceeForTokenClassification(_LlamaForTokenClassification, ArceePreTrainedModel):
    config: ArceeConfig

class ArceeModel(_LlamaModel, ArceePreTrainedModel):
    config: ArceeConfig

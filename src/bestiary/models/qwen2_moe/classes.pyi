# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import Qwen2MoeConfig

class Qwen2MoePreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen2MoeConfig

class Qwen2MoeForCausalLM(_MixtralForCausalLM, Qwen2MoePreTrainedModel):
    config: Qwen2MoeConfig

class Qwen2MoeForQuestionAnswering(_LlamaForQuestionAnswering, Qwen2MoePreTrainedModel):
    config: Qwen2MoeConfig

class Qwen2MoeForSequenceClassification(_LlamaForSequenceClassification, Qwen2MoePreTrainedModel):
    config: Qwen2MoeConfig

class Qwen2MoeForTokenClassification(_LlamaForTokenClassification, Qwen2MoePreTrainedModel):
    config: Qwen2MoeConfig

class Qwen2MoeModel(_MixtralModel, Qwen2MoePreTrainedModel):
    config: Qwen2MoeConfig

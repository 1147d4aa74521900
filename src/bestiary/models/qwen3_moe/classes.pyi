# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import Qwen3MoeConfig

class Qwen3MoePreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen3MoeConfig

class Qwen3MoeForCausalLM(_MixtralForCausalLM, Qwen3MoePreTrainedModel):
    config: Qwen3MoeConfig

class Qwen3MoeForQuestionAnswering(_LlamaForQuestionAnswering, Qwen3MoePreTrainedModel):
    config: Qwen3MoeConfig

class Qwen3MoeForSequenceClassification(_LlamaForSequenceClassification, Qwen3MoePreTrainedModel):
    config: Qwen3MoeConfig

class Qwen3MoeForTokenClassification(_LlamaForTokenClassification, Qwen3MoePreTrainedModel):
    config: Qwen3MoeConfig

class Qwen3MoeModel(_MixtralModel, Qwen3MoePreTrainedModel):
    config: Qwen3MoeConfig

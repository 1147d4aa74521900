# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from . import Qwen3NextConfig
from .model import Qwen3NextModel as _Qwen3NextModel

class Qwen3NextPreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen3NextConfig

class Qwen3NextForCausalLM(_MixtralForCausalLM, Qwen3NextPreTrainedModel):
    config: Qwen3NextConfig

class Qwen3NextForQuestionAnswering(_LlamaForQuestionAnswering, Qwen3NextPreTrainedModel):
    config: Qwen3NextConfig

class Qwen3NextForSequenceClassification(_LlamaForSequenceClassification, Qwen3NextPreTrainedModel):
    config: Qwen3NextConfig

class Qwen3NextForTokenClassification(_LlamaForTokenClassification, Qwen3NextPreTrainedModel):
    config: Qwen3NextConfig

class Qwen3NextModel(_Qwen3NextModel, Qwen3NextPreTrainedModel):
    config: Qwen3NextConfig

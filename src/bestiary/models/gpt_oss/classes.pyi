# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from . import GptOssConfig
from .model import GptOssModel as _GptOssModel

class GptOssPreTrainedModel(_LlamaPreTrainedModel):
    config: GptOssConfig

class GptOssForCausalLM(_MixtralForCausalLM, GptOssPreTrainedModel):
    config: GptOssConfig

class GptOssForSequenceClassification(_LlamaForSequenceClassification, GptOssPreTrainedModel):
    config: GptOssConfig

class GptOssForTokenClassification(_LlamaForTokenClassification, GptOssPreTrainedModel):
    config: GptOssConfig

class GptOssModel(_GptOssModel, GptOssPreTrainedModel):
    config: GptOssConfig

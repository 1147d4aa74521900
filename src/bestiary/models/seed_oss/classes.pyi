# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForQuestionAnswering as _LlamaForQuestionAnswering
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import SeedOssConfig

class SeedOssPreTrainedModel(_LlamaPreTrainedModel):
    config: SeedOssConfig

class SeedOssForCausalLM(_LlamaForCausalLM, SeedOssPreTrainedModel):
    config: SeedOssConfig

class SeedOssForQuestionAnswering(_LlamaForQuestionAnswering, SeedOssPreTrainedModel):
    config: SeedOssConfig

class SeedOssForSequenceClassification(_LlamaForSequenceClassification, SeedOssPreTrainedModel):
    config: SeedOssConfig

class SeedOssForTokenClassification(_LlamaForTokenClassification, SeedOssPreTrainedModel):
    config: SeedOssConfig

class SeedOssModel(_LlamaModel, SeedOssPreTrainedModel):
    config: SeedOssConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import Qwen3_5TextConfig

class Qwen3_5TextPreTrainedModel(_LlamaPreTrainedModel):
    config: Qwen3_5TextConfig

class Qwen3_5ForCausalLM(_LlamaForCausalLM, Qwen3_5TextPreTrainedModel):
    config: Qwen3_5TextConfig

class Qwen3_5TextForSequenceClassification(_LlamaForSequenceClassification, Qwen3_5TextPreTrainedModel):
    config: Qwen3_5TextConfig

class Qwen3_5TextModel(_LlamaModel, Qwen3_5TextPreTrainedModel):
    config: Qwen3_5TextConfig

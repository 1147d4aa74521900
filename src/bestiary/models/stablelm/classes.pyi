# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaForTokenClassification as _LlamaForTokenClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import StableLmConfig

class StableLmPreTrainedModel(_LlamaPreTrainedModel):
    config: StableLmConfig

class StableLmForCausalLM(_LlamaForCausalLM, StableLmPreTrainedModel):
    config: StableLmConfig

class StableLmForSequenceClassification(_LlamaForSequenceClassification, StableLmPreTrainedModel):
    config: StableLmConfig

class StableLmForTokenClassification(_LlamaForTokenClassification, StableLmPreTrainedModel):
    config: StableLmConfig

class StableLmModel(_LlamaModel, StableLmPreTrainedModel):
    config: StableLmConfig

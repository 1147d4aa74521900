# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaForSequenceClassification as _LlamaForSequenceClassification
from ..llama.model import LlamaModel as _LlamaModel
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import HunYuanDenseV1Config

class HunYuanDenseV1PreTrainedModel(_LlamaPreTrainedModel):
    config: HunYuanDenseV1Config

class HunYuanDenseV1ForCausalLM(_LlamaForCausalLM, HunYuanDenseV1PreTrainedModel):
    config: HunYuanDenseV1Config

class HunYuanDenseV1ForSequenceClassification(_LlamaForSequenceClassification, HunYuanDenseV1PreTrainedModel):
    config: HunYuanDenseV1Config

class HunYuanDenseV1Model(_LlamaModel, HunYuanDenseV1PreTrainedModel):
    config: HunYuanDenseV1Config

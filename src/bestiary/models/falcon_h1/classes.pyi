# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaForCausalLM as _LlamaForCausalLM
from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from . import FalconH1Config
from .model import FalconH1Model as _FalconH1Model

class FalconH1PreTrainedModel(_LlamaPreTrainedModel):
    config: FalconH1Config

class FalconH1ForCausalLM(_LlamaForCausalLM, FalconH1PreTrainedModel):
    config: FalconH1Config

class FalconH1Model(_FalconH1Model, FalconH1PreTrainedModel):
    config: FalconH1Config

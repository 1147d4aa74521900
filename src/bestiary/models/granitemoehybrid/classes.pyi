# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from . import GraniteMoeHybridConfig
from .model import GraniteMoeHybridModel as _GraniteMoeHybridModel

class GraniteMoeHybridPreTrainedModel(_LlamaPreTrainedModel):
    config: GraniteMoeHybridConfig

class GraniteMoeHybridForCausalLM(_MixtralForCausalLM, GraniteMoeHybridPreTrainedModel):
    config: GraniteMoeHybridConfig

class GraniteMoeHybridModel(_GraniteMoeHybridModel, GraniteMoeHybridPreTrainedModel):
    config: GraniteMoeHybridConfig

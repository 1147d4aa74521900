# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..llama.model import LlamaPreTrainedModel as _LlamaPreTrainedModel
from ..mixtral.model import MixtralForCausalLM as _MixtralForCausalLM
from ..mixtral.model import MixtralModel as _MixtralModel
from . import GraniteMoeConfig

class GraniteMoePreTrainedModel(_LlamaPreTrainedModel):
    config: GraniteMoeConfig

class GraniteMoeForCausalLM(_MixtralForCausalLM, GraniteMoePreTrainedModel):
    config: GraniteMoeConfig

class GraniteMoeModel(_MixtralModel, GraniteMoePreTrainedModel):
    config: GraniteMoeConfig

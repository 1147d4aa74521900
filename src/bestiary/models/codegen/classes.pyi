# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..gptj.model import GPTJForCausalLM as _GPTJForCausalLM
from ..gptj.model import GPTJModel as _GPTJModel
from ..gptj.model import GPTJPreTrainedModel as _GPTJPreTrainedModel
from . import CodeGenConfig

class CodeGenPreTrainedModel(_GPTJPreTrainedModel):
    config: CodeGenConfig

class CodeGenForCausalLM(_GPTJForCausalLM, CodeGenPreTrainedModel):
    config: CodeGenConfig

class CodeGenModel(_GPTJModel, CodeGenPreTrainedModel):
    config: CodeGenConfig

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..gpt2.model import GPT2ForSequenceClassification as _GPT2ForSequenceClassification
from ..gpt2.model import GPT2ForTokenClassification as _GPT2ForTokenClassification
from ..gpt2.model import GPT2LMHeadModel as _GPT2LMHeadModel
from ..gpt2.model import GPT2Model as _GPT2Model
from ..gpt2.model import GPT2PreTrainedModel as _GPT2PreTrainedModel
from . import GPTBigCodeConfig
from .model import GPTBigCodeForCausalLM as _GPTBigCodeForCausalLM

class GPTBigCodePreTrainedModel(_GPT2PreTrainedModel):
    config: GPTBigCodeConfig

class GPTBigCodeLMHeadModel(_GPT2LMHeadModel, GPTBigCodePreTrainedModel):
    config: GPTBigCodeConfig

class GPTBigCodeForCausalLM(_GPTBigCodeForCausalLM, GPTBigCodeLMHeadModel, GPTBigCodePreTrainedModel):
    config: GPTBigCodeConfig

class GPTBigCodeForSequenceClassification(_GPT2ForSequenceClassification, GPTBigCodePreTrainedModel):
    config: GPTBigCodeConfig

class GPTBigCodeForTokenClassification(_GPT2ForTokenClassification, GPTBigCodePreTrainedModel):
    config: GPTBigCodeConfig

class GPTBigCodeModel(_GPT2Model, GPTBigCodePreTrainedModel):
    config: GPTBigCodeConfig

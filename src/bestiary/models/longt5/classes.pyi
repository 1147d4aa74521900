# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..t5.model import T5EncoderModel as _T5EncoderModel
from ..t5.model import T5ForConditionalGeneration as _T5ForConditionalGeneration
from ..t5.model import T5Model as _T5Model
from ..t5.model import T5PreTrainedModel as _T5PreTrainedModel
from . import LongT5Config

class LongT5PreTrainedModel(_T5PreTrainedModel):
    config: LongT5Config

class LongT5EncoderModel(_T5EncoderModel, LongT5PreTrainedModel):
    config: LongT5Config

class LongT5Model(_T5Model, LongT5PreTrainedModel):
    config: LongT5Config

class LongT5ForConditionalGeneration(_T5ForConditionalGeneration, LongT5Model, LongT5PreTrainedModel):
    config: LongT5Config

# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..t5.model import T5EncoderModel as _T5EncoderModel
from ..t5.model import T5ForConditionalGeneration as _T5ForConditionalGeneration
from ..t5.model import T5ForQuestionAnswering as _T5ForQuestionAnswering
from ..t5.model import T5ForSequenceClassification as _T5ForSequenceClassification
from ..t5.model import T5ForTokenClassification as _T5ForTokenClassification
from ..t5.model import T5Model as _T5Model
from ..t5.model import T5PreTrainedModel as _T5PreTrainedModel
from . import UMT5Config

class UMT5PreTrainedModel(_T5PreTrainedModel):
    config: UMT5Config

class UMT5EncoderModel(_T5EncoderModel, UMT5PreTrainedModel):
    config: UMT5Config

class UMT5Model(_T5Model, UMT5PreTrainedModel):
    config: UMT5Config

class UMT5ForConditionalGeneration(_T5ForConditionalGeneration, UMT5Model, UMT5PreTrainedModel):
    config: UMT5Config

class UMT5ForQuestionAnswering(_T5ForQuestionAnswering, UMT5Model, UMT5PreTrainedModel):
    config: UMT5Config

class UMT5ForSequenceClassification(_T5ForSequenceClassification, UMT5PreTrainedModel):
    config: UMT5Config

class UMT5ForTokenClassification(_T5ForTokenClassification, UMT5PreTrainedModel):
    config: UMT5Config

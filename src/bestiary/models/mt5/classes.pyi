# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..t5.model import T5EncoderModel as _T5EncoderModel
from ..t5.model import T5ForConditionalGeneration as _T5ForConditionalGeneration
from ..t5.model import T5ForQuestionAnswering as _T5ForQuestionAnswering
from ..t5.model import T5ForSequenceClassification as _T5ForSequenceClassification
from ..t5.model import T5ForTokenClassification as _T5ForTokenClassification
from ..t5.model import T5Model as _T5Model
from ..t5.model import T5PreTrainedModel as _T5PreTrainedModel
from . import MT5Config

class MT5PreTrainedModel(_T5PreTrainedModel):
    config: MT5Config

class MT5EncoderModel(_T5EncoderModel, MT5PreTrainedModel):
    config: MT5Config

class MT5Model(_T5Model, MT5PreTrainedModel):
    config: MT5Config

class MT5ForConditionalGeneration(_T5ForConditionalGeneration, MT5Model, MT5PreTrainedModel):
    config: MT5Config

class MT5ForQuestionAnswering(_T5ForQuestionAnswering, MT5Model, MT5PreTrainedModel):
    config: MT5Config

class MT5ForSequenceClassification(_T5ForSequenceClassification, MT5PreTrainedModel):
    config: MT5Config

class MT5ForTokenClassification(_T5ForTokenClassification, MT5PreTrainedModel):
    config: MT5Config

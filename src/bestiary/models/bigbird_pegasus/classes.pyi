# The classes of this family, made from data. Written by scripts/write_family_lists.py; do not edit.

from ..bart.model import BartForCausalLM as _BartForCausalLM
from ..bart.model import BartForConditionalGeneration as _BartForConditionalGeneration
from ..bart.model import BartForQuestionAnswering as _BartForQuestionAnswering
from ..bart.model import BartForSequenceClassification as _BartForSequenceClassification
from ..bart.model import BartHeaded as _BartHeaded
from ..bart.model import BartModel as _BartModel
from ..bart.model import BartPreTrainedModel as _BartPreTrainedModel
from . import BigBirdPegasusConfig

class BigBirdPegasusPreTrainedModel(_BartPreTrainedModel):
    config: BigBirdPegasusConfig

class BigBirdPegasusForCausalLM(_BartForCausalLM, BigBirdPegasusPreTrainedModel):
    config: BigBirdPegasusConfig

class BigBirdPegasusHeaded(_BartHeaded, BigBirdPegasusPreTrainedModel):
    config: BigBirdPegasusConfig

class BigBirdPegasusForConditionalGeneration(
    _BartForConditionalGeneration, BigBirdPegasusHeaded, BigBirdPegasusPreTrainedModel
):
    config: BigBirdPegasusConfig

class BigBirdPegasusForQuestionAnswering(_BartForQuestionAnswering, BigBirdPegasusHeaded, BigBirdPegasusPreTrainedModel):
    config: BigBirdPegasusConfig

class BigBirdPegasusForSequenceClassification(
    _BartForSequenceClassification, BigBirdPegasusHeaded, BigBirdPegasusPreTrainedModel
):
    config: BigBirdPegasusConfig

class BigBirdPegasusModel(_BartModel, BigBirdPegasusPreTrainedModel):
    config: BigBirdPegasusConfig

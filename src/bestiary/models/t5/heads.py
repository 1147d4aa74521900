"""T5 as a classifier: of texts, of tokens, of answers."""

from ...modeling.heads.question_answering import Seq2SeqQuestionAnswering
from ...modeling.heads.sequence_classification import EndTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from .model import T5EncoderModel, T5Model, T5PreTrainedModel


class T5ForTokenClassification(TokenClassifier, T5PreTrainedModel):
    """T5's encoder with a label for each token."""

    backbone_class = T5EncoderModel
    stacks = T5EncoderModel.stacks
    _tied_weights_keys = {"transformer.encoder.embed_tokens.weight": "transformer.shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^(transformer\.)?decoder\.", r"^lm_head\."]


class T5Reader(T5Model):
    """T5 whose decoder reads the same text as the encoder, one place later."""

    decoder_repeats_text = True


class T5ForSequenceClassification(EndTokenClassifier, T5PreTrainedModel):
    """T5 that classifies a text by the decoder's state at its last end-of-sequence token."""

    backbone_class = T5Reader
    _tied_weights_keys = {f"transformer.{k}": f"transformer.{v}" for k, v in T5Model._tied_weights_keys.items()}
    _keys_to_ignore_on_load_unexpected = T5Model._keys_to_ignore_on_load_unexpected


class T5ForQuestionAnswering(Seq2SeqQuestionAnswering, T5Model):
    """T5 that marks the answer to a question by the decoder's states over the same text."""

    _new_with_head = [r"^qa_outputs\."]

"""EuroBERT: every head, every way to pool, grouped queries, biases and tied words."""

from dataclasses import replace

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("EuroBert", without=("ForQuestionAnswering", "ForMultipleChoice"))
CLASSIFIER, FILLER = "EuroBertForSequenceClassification", "EuroBertForMaskedLM"

CASE = Case(
    config_class="EuroBertConfig",
    config={**TINY, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    heads={CLASSIFIER: HEADS.pop(CLASSIFIER), **HEADS, FILLER: replace(HEADS[FILLER], config={"mlp_bias": True})},
    variants={
        "mean": {"classifier_pooling": "mean", "attention_bias": True, "mlp_bias": True},
        "first state": {
            "classifier_pooling": "bos",
            "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
        },
    },
)

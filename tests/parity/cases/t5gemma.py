"""T5Gemma: every head, halves of different size, windows, biases, no bounds, untied.

Classifiers stand on the encoder alone here: tests/models/t5gemma compares those whose decoder reads the text too.
"""

from typing import Any

from kit.families import Case, Head, class_labels, tokens
from kit.seq2seq_inputs import both, labels

PAD = 0
HALF: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "query_pre_attn_scalar": 8,
    "sliding_window": 4,
}
ALONE = {"is_encoder_decoder": False}


def halves(**values: Any) -> dict[str, Any]:
    """Both halves with these values."""
    return {"encoder": {**HALF, **values}, "decoder": {**HALF, **values}}


CASE = Case(
    config_class="T5GemmaConfig",
    config={**halves(), "vocab_size": 99, "num_labels": 3},
    heads={
        "T5GemmaForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True, hides_padding=True),
        "T5GemmaModel": Head(lambda: both(PAD), hides_padding=True),
        "T5GemmaEncoderModel": Head(tokens, hides_padding=True, config=ALONE),
        "T5GemmaForSequenceClassification": Head(tokens, class_labels(3), hides_padding=True, config=ALONE),
        "T5GemmaForTokenClassification": Head(tokens, class_labels(3, per_token=True), hides_padding=True, config=ALONE),
    },
    variants={
        "unequal": {
            "encoder": {**HALF, "hidden_size": 48, "num_attention_heads": 6, "num_hidden_layers": 3},
            "decoder": HALF,
        },
        "biases": halves(attention_bias=True, num_key_value_heads=4, layer_types=["full_attention"] * 2),
        "unbounded": halves(final_logit_softcapping=None, attn_logit_softcapping=None),
        "untied": {"tie_word_embeddings": False},
    },
)

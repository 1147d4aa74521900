"""ModernBERT: every head, both ways to pool, windows wide and narrow, biases, logits of masked tokens alone."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("ModernBert")
CLASSIFIER = "ModernBertForSequenceClassification"

CASE = Case(
    config_class="ModernBertConfig",
    config={
        **TINY,
        "local_attention": 8,  # so wide that padding looks at real tokens, too: kernels differ where it does not
        "pad_token_id": 0,
        **dict.fromkeys(("bos_token_id", "cls_token_id"), 1),
        **dict.fromkeys(("eos_token_id", "sep_token_id"), 2),
    },
    heads={CLASSIFIER: HEADS.pop(CLASSIFIER), **HEADS},
    variants={
        "mean": {"classifier_pooling": "mean", "norm_bias": True, "classifier_bias": True, "local_attention": 5},
        "biases": {"attention_bias": True, "mlp_bias": True, "layer_types": ["sliding_attention", "full_attention"]},
        "other tables": {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 900.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            }
        },
    },
)

"""BLOOM: every head, residuals behind the norms, projections in parts, a number of heads that is no power of two."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="BloomConfig",
    config={"vocab_size": 99, "hidden_size": 32, "n_layer": 2, "n_head": 4, "pad_token_id": 0, "num_labels": 3},
    heads={
        "BloomForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "BloomModel": Head(tokens),
        "BloomForSequenceClassification": Head(tokens, class_labels(3)),
        "BloomForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "BloomForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "behind_norms": {"apply_residual_connection_post_layernorm": True},
        "in_parts": {"slow_but_exact": True, "pretraining_tp": 2},
        "six_heads": {"n_head": 6, "hidden_size": 36},
    },
)

"""Gemma 2: every head, bounds that bind, without them, biases, windows everywhere."""

from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="Gemma2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "head_dim": 12,
        "sliding_window": 5,
        "query_pre_attn_scalar": 5,
        "attn_logit_softcapping": 0.1,
        "final_logit_softcapping": 0.3,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Gemma2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Gemma2Model": Head(tokens),
        "Gemma2ForSequenceClassification": Head(tokens, class_labels(3)),
        "Gemma2ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "no_bounds": {"attn_logit_softcapping": None, "final_logit_softcapping": None},
        "biases": {"attention_bias": True},
        "windows": {"layer_types": ["sliding_attention"] * 2},
    },
)

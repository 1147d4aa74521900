"""GPT-NeoX: every head, parallel blocks and others, more of a head turning, stretched positions, no biases."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="GPTNeoXConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "GPTNeoXForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "GPTNeoXModel": Head(tokens),
        "GPTNeoXForSequenceClassification": Head(tokens, class_labels(3)),
        "GPTNeoXForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "GPTNeoXForQuestionAnswering": Head(tokens, span_labels, config={"num_labels": 2}),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "one_after_the_other": {"use_parallel_residual": False, "attention_bias": False},
        "all_turning": {"rotary_pct": 1.0, "rotary_emb_base": 500.0},
        "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
    },
)

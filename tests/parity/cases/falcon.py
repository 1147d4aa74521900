"""Falcon: every head, the new architecture with one norm and two, a key for each head, biases, halves in turn.

ALiBi is compared in tests/models/falcon: the published eager formula, which this suite uses, adds it twice.
"""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="FalconConfig",
    config={
        "attn_implementation": "eager",  # which the published class takes at its construction alone
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "FalconForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "FalconModel": Head(tokens),
        "FalconForSequenceClassification": Head(tokens, class_labels(3)),
        "FalconForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "FalconForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "untied": {"tie_word_embeddings": False, "ffn_hidden_size": 48},
        "new": {"new_decoder_architecture": True, "num_kv_heads": 2},
        "new_one_norm": {"new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1},
        "rw": {"multi_query": False, "parallel_attn": False, "bias": True},
        "linear": {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
    },
)

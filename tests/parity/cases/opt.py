"""OPT: every head, norms behind the sums with narrow embeddings (350M), neither biases nor affine norms (Galactica)."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

NARROW = {"do_layer_norm_before": False, "word_embed_proj_dim": 16}

CASE = Case(
    config_class="OPTConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "ffn_dim": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "pad_token_id": 1,
        "num_labels": 3,
    },
    positions_by_mask=True,
    heads={
        "OPTForCausalLM": Head(lambda: tokens(side="left", pad=1), token_labels, generates=True),
        "OPTModel": Head(lambda: tokens(pad=1)),
        "OPTForSequenceClassification": Head(lambda: tokens(pad=1), class_labels(3), config=NARROW),
        "OPTForQuestionAnswering": Head(lambda: tokens(pad=1), span_labels, config=NARROW),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "norms_last": {**NARROW, "tie_word_embeddings": False},
        "no_final_norm": {"_remove_final_layer_norm": True},
        "bare": {"enable_bias": False, "layer_norm_elementwise_affine": False, "activation_function": "gelu"},
    },
)

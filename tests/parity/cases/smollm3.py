"""SmolLM 3: every head, layers that turn and one that does not, windows in the latter, biases, none that turn."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="SmolLM3Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "no_rope_layer_interval": 2,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 3,
    },
    heads={
        "SmolLM3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "SmolLM3Model": Head(tokens),
        "SmolLM3ForSequenceClassification": Head(tokens, class_labels(3)),
        "SmolLM3ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "SmolLM3ForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "biases": {"attention_bias": True, "mlp_bias": True},
        "windows": {"use_sliding_window": True, "sliding_window": 5},
        "none_turns": {"no_rope_layers": [0, 0]},
    },
)

"""Qwen 2: every head, windows in the later layers, tied embeddings, the rotary scaling of its long contexts."""

from kit.families import Case, Head, class_labels, span_labels, token_labels, tokens

CASE = Case(
    config_class="Qwen2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Qwen2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Qwen2Model": Head(tokens),
        "Qwen2ForSequenceClassification": Head(tokens, class_labels(3)),
        "Qwen2ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "Qwen2ForQuestionAnswering": Head(tokens, span_labels),
    },
    variants={
        "tied": {"tie_word_embeddings": True},
        "windows": {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
        "yarn": {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1000000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        },
    },
)

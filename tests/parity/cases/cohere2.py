"""Command R7B: a layer with a window and rotary positions, one without either, biases, untied embeddings."""

from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="Cohere2Config",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention"],
        "pad_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "Cohere2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "Cohere2Model": Head(tokens),
    },
    variants={
        "biases": {"attention_bias": True},
        "untied": {"tie_word_embeddings": False},
    },
)

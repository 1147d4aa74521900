"""PEGASUS: every head, halves of different size, ReLU and scaled embeddings as published."""

from kit.families import Case, Head
from kit.seq2seq_inputs import alone, both, labels, own_labels

PAD = 0

CASE = Case(
    config_class="PegasusConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 40,
        "num_labels": 3,
    },
    heads={
        "PegasusForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "PegasusModel": Head(lambda: both(PAD)),
        "PegasusForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "published": {"activation_function": "relu", "scale_embedding": True},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

"""PEGASUS: every head, halves of different size, ReLU and scaled embeddings as published."""

from kit.families import Case, Head
from kit.seq2seq_inputs import SIZES, alone, both, labels, own_labels

PAD = 0

CASE = Case(
    config_class="PegasusConfig",
    config={
        **SIZES,
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

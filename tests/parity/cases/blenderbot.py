"""Blenderbot: every head, halves of different size, scaled embeddings as published."""

from kit.families import Case, Head
from kit.seq2seq_inputs import SIZES, alone, both, labels, own_labels

PAD = 0

CASE = Case(
    config_class="BlenderbotConfig",
    config={
        **SIZES,
        "num_labels": 3,
    },
    heads={
        "BlenderbotForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "BlenderbotModel": Head(lambda: both(PAD)),
        "BlenderbotForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "scaled": {"scale_embedding": True},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

"""Marian: every head, halves of different size, SiLU and scaled embeddings as published, two vocabularies."""

from kit.families import Case, Head
from kit.seq2seq_inputs import SIZES, alone, both, labels, own_labels

PAD = 1

CASE = Case(
    config_class="MarianConfig",
    config={
        **SIZES,
        "pad_token_id": PAD,
        "decoder_start_token_id": PAD,
        "num_labels": 3,
    },
    heads={
        "MarianMTModel": Head(lambda: both(PAD), labels(PAD), generates=True),
        "MarianModel": Head(lambda: both(PAD)),
        "MarianForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "published": {"activation_function": "swish", "scale_embedding": True},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
        "two vocabularies": {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 120},
        "two vocabularies, untied": {
            "share_encoder_decoder_embeddings": False,
            "decoder_vocab_size": 120,
            "tie_word_embeddings": False,
        },
    },
)

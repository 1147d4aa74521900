"""M2M-100: every head, halves of different size, embeddings without scaling."""

from kit.families import Case, Head
from kit.seq2seq_inputs import both, labels

PAD = 1

CASE = Case(
    config_class="M2M100Config",
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
        "M2M100ForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "M2M100Model": Head(lambda: both(PAD)),
    },
    variants={
        "unscaled": {"scale_embedding": False},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

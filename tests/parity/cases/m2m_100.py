"""M2M-100: every head, halves of different size, embeddings without scaling."""

from kit.families import Case, Head
from kit.seq2seq_inputs import SIZES, both, labels

PAD = 1

CASE = Case(
    config_class="M2M100Config",
    config={
        **SIZES,
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

"""BigBird-Pegasus: every head, texts with few blocks and with many, halves of different size."""

from kit.families import Case, Head, class_labels, span_labels, tokens
from kit.seq2seq_inputs import SIZES, alone, ending, labels, own_labels

PAD, END = 0, 1


def long() -> dict[str, object]:
    """An encoder's text of eight blocks, and another number of the decoder's tokens."""
    return {**tokens(length=16, pad=PAD), "decoder_input_ids": tokens(length=7, pad=PAD)["input_ids"]}


CASE = Case(
    config_class="BigBirdPegasusConfig",
    config={
        **SIZES,
        "block_size": 2,
        "num_random_blocks": 1,
        "num_labels": 3,
    },
    heads={
        "BigBirdPegasusForConditionalGeneration": Head(long, labels(PAD), generates=True),
        "BigBirdPegasusModel": Head(lambda: tokens(length=16, pad=PAD)),
        "BigBirdPegasusForSequenceClassification": Head(lambda: ending(PAD, END), class_labels(3)),
        "BigBirdPegasusForQuestionAnswering": Head(lambda: tokens(pad=PAD), span_labels, config={"num_labels": 2}),
        "BigBirdPegasusForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "full": {"attention_type": "original_full"},
        "biases": {"use_bias": True, "scale_embedding": False},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

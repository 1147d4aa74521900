"""BART: every head, halves of different size, scaled embeddings, tables of their own."""

from kit.families import Case, Head, class_labels, span_labels, tokens
from kit.seq2seq_inputs import SIZES, alone, both, ending, labels, own_labels

PAD, END = 1, 2

CASE = Case(
    config_class="BartConfig",
    config={
        **SIZES,
        "num_labels": 3,
    },
    heads={
        "BartForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "BartModel": Head(lambda: tokens(pad=PAD)),
        "BartForSequenceClassification": Head(lambda: ending(PAD, END), class_labels(3)),
        "BartForQuestionAnswering": Head(lambda: tokens(pad=PAD), span_labels, config={"num_labels": 2}),
        "BartForCausalLM": Head(alone, own_labels, generates=True),
    },
    variants={
        "relu": {"activation_function": "relu"},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "scaled": {"scale_embedding": True},
        "untied": {"tie_word_embeddings": False},
    },
)

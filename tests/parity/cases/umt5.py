"""UMT5: every head, both kinds of MLP, stacks of different depth, distances beyond the last bucket."""

from kit.families import Case, Head, class_labels, span_labels, tokens
from kit.seq2seq_inputs import both, ending, labels

PAD, END = 0, 1

CASE = Case(
    config_class="UMT5Config",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "d_kv": 12,
        "d_ff": 48,
        "feed_forward_proj": "relu",
        "num_layers": 2,
        "num_heads": 4,
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 6,
        "pad_token_id": PAD,
        "eos_token_id": END,
        "decoder_start_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "UMT5ForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "UMT5Model": Head(lambda: both(PAD)),
        "UMT5EncoderModel": Head(tokens),
        "UMT5ForSequenceClassification": Head(lambda: ending(PAD, END), class_labels(3)),
        "UMT5ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "UMT5ForQuestionAnswering": Head(lambda: ending(PAD, END), span_labels, config={"num_labels": 2}),
    },
    variants={"gated": {"feed_forward_proj": "gated-gelu"}, "depths": {"num_layers": 1, "num_decoder_layers": 3}},
)

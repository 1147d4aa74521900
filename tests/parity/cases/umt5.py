"""UMT5: every head, both kinds of MLP, stacks of different depth, distances beyond the last bucket."""

from kit.families import Case, Head, Inputs, class_labels, span_labels, tokens

ENDING = 1


def encoder_inputs() -> Inputs:
    """Rows that end with the end-of-sequence token, then padding."""
    inputs = tokens()
    last = inputs["attention_mask"].sum(-1, keepdim=True) - 1
    inputs["input_ids"] = inputs["input_ids"].scatter(1, last, ENDING)
    return inputs


def both_inputs() -> Inputs:
    """The encoder's tokens and another number of the decoder's."""
    return {**tokens(), "decoder_input_ids": tokens(length=7)["input_ids"]}


def decoder_labels(inputs: Inputs) -> Inputs:
    """Labels of the decoder, one of them ignored."""
    labels = tokens(length=7)["input_ids"]
    labels[0, -1] = -100
    return {"labels": labels}


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
        "pad_token_id": 0,
        "eos_token_id": ENDING,
        "decoder_start_token_id": 0,
        "num_labels": 3,
    },
    heads={
        "UMT5ForConditionalGeneration": Head(both_inputs, decoder_labels, generates=True),
        "UMT5Model": Head(both_inputs),
        "UMT5EncoderModel": Head(tokens),
        "UMT5ForSequenceClassification": Head(encoder_inputs, class_labels(3)),
        "UMT5ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
        "UMT5ForQuestionAnswering": Head(encoder_inputs, span_labels, config={"num_labels": 2}),
    },
    variants={"gated": {"feed_forward_proj": "gated-gelu"}, "depths": {"num_layers": 1, "num_decoder_layers": 3}},
)

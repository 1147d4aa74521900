"""RoBERTa: every head as an encoder, and as a decoder that looks at an encoder."""

from kit.text_encoders import roberta_case

CASE = roberta_case(
    "Roberta",
    decoder={"is_decoder": True},
    untied={"tie_word_embeddings": False},
    classifier_dropout={"classifier_dropout": 0.3},
)

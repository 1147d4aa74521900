"""ALBERT: every head, groups of layers that share their weights."""

from kit.families import Case, Head, class_labels, token_labels
from kit.text_encoders import TINY, encoder_heads

HEADS = encoder_heads("Albert", segments=True)

CASE = Case(
    config_class="AlbertConfig",
    config={**TINY, "embedding_size": 16, "max_position_embeddings": 16},
    heads={
        **HEADS,
        "AlbertForPreTraining": Head(
            HEADS["AlbertModel"].inputs,
            lambda inputs: {**token_labels(inputs), "sentence_order_label": class_labels(2)(inputs)["labels"]},
            config={"num_labels": 2},
        ),
    },
    variants={
        "untied": {"tie_word_embeddings": False},
        "groups": {"num_hidden_groups": 2, "num_hidden_layers": 3, "inner_group_num": 2},
        "relu": {"hidden_act": "relu", "chunk_size_feed_forward": 3},
    },
)

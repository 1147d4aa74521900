"""Reformer: every head, both kinds of attention, one chunk and more, several rounds, buckets in factors, a table of positions.

The published language heads have a bias that releases before 5 added to the logits and 5.23 does not; here it is added.
"""

from typing import Any

from kit.families import Case, Head, Inputs, class_labels, span_labels, token_labels, tokens


def text(side: str = "right") -> Inputs:
    """Texts of whole chunks: the reference cannot fill them up where positions are said."""
    return tokens(length=12, side=side)


def prepare(model: Any) -> None:
    """The bias is added, and layers say that they are in training, without which the reference has no gradients."""
    for module in model.modules():
        if type(module).__name__ == "ReformerLayer":
            module.training = True
        if type(module).__name__ == "ReformerOnlyLMHead":
            module.register_forward_hook(lambda head, args, logits: logits + head.bias)


DECODER = {"is_decoder": True}
CHUNKS = {"local_attn_chunk_length": 4, "lsh_attn_chunk_length": 4}
CASE = Case(
    config_class="ReformerConfig",
    config={
        "vocab_size": 99,
        "hidden_size": 32,
        "attention_head_size": 8,
        "num_attention_heads": 4,
        "feed_forward_size": 40,
        "attn_layers": ["local", "lsh"],
        "axial_pos_shape": [8, 8],
        "axial_pos_embds_dim": [12, 20],
        "max_position_embeddings": 64,
        "hash_seed": 0,
        "num_buckets": 4,
        "hidden_dropout_prob": 0.0,
        "local_attention_probs_dropout_prob": 0.0,
        "local_attn_chunk_length": 32,
        "lsh_attn_chunk_length": 32,
        "eos_token_id": 2,
        "pad_token_id": 0,
    },
    heads={
        "ReformerModelWithLMHead": Head(lambda: text("left"), token_labels, config=DECODER, generates=True),
        "ReformerModel": Head(text),
        "ReformerForMaskedLM": Head(text, token_labels),
        "ReformerForSequenceClassification": Head(text, class_labels(3), config={"num_labels": 3}),
        "ReformerForQuestionAnswering": Head(text, span_labels),
    },
    variants={
        "chunks": CHUNKS,
        "rounds": {**CHUNKS, "num_hashes": 2, "num_buckets": [2, 4], "chunk_size_feed_forward": 3, "chunk_size_lm_head": 6},
        "a_table": {**CHUNKS, "axial_pos_embds": False, "lsh_num_chunks_before": 2, "attn_layers": ["lsh", "lsh", "local"]},
    },
    prepare=prepare,
)

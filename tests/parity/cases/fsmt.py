"""FSMT: every head, halves of different size, unscaled embeddings, two vocabularies.

The published decoder looks at what comes later in every call that is to give a cache, or has the encoder's output instead of
its text; it was trained not to, and here it never does. So that there is something to compare, the reference gives a cache
only where a call asks for one, and is told a text.
"""

from functools import wraps
from typing import Any

from kit.families import Case, Head, Inputs
from kit.seq2seq_inputs import both, labels
from transformers.models.fsmt.modeling_fsmt import FSMTModel

PAD = 0
FORWARD = FSMTModel.forward


@wraps(FORWARD)
def causal(model: Any, input_ids: Any = None, *args: Any, use_cache: bool | None = None, **inputs: Any) -> Any:
    """The reference's forward with a mask for what comes later."""
    text = inputs.get("decoder_input_ids") if input_ids is None and not use_cache else input_ids
    return FORWARD(model, text, *args, use_cache=bool(use_cache), **inputs)


FSMTModel.forward = causal


def inputs() -> Inputs:
    """Both texts with their masks: the reference hides padding of the decoder by itself."""
    texts = both(PAD)
    return {**texts, "decoder_attention_mask": (texts["decoder_input_ids"] != PAD).long()}


CASE = Case(
    config_class="FSMTConfig",
    config={
        "src_vocab_size": 99,
        "tgt_vocab_size": 99,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 40,
        "pad_token_id": PAD,
        "bos_token_id": 1,
        "num_labels": 3,
        "num_beams": 1,
        "max_length": 20,
    },
    heads={
        "FSMTForConditionalGeneration": Head(inputs, labels(PAD), generates=True),
        "FSMTModel": Head(inputs),
    },
    variants={
        "unscaled": {"scale_embedding": False},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "two vocabularies": {"src_vocab_size": 120},
        "tied": {"tie_word_embeddings": True},
    },
)

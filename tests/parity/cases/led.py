"""LED: every head, with global tokens of another number in each row, windows of each layer, halves of different size."""

import torch
from kit.families import Case, Head, Inputs, span_labels, tokens
from kit.seq2seq_inputs import both, labels

PAD = 1


def with_global(inputs: Inputs) -> Inputs:
    """The inputs with some tokens of the encoder's text that are global, in the last row none."""
    mask = torch.zeros_like(inputs["input_ids"])
    mask[0, [0, 3, 8]] = mask[1, 2] = 1
    return {**inputs, "global_attention_mask": mask}


CASE = Case(
    config_class="LEDConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 48,
        "max_encoder_position_embeddings": 36,
        "max_decoder_position_embeddings": 40,
        "attention_window": 4,
    },
    heads={
        "LEDForConditionalGeneration": Head(lambda: both(PAD), labels(PAD), generates=True),
        "LEDModel": Head(lambda: with_global(both(PAD))),
        "LEDForQuestionAnswering": Head(lambda: with_global(tokens(pad=PAD)), span_labels),
    },
    variants={
        "windows": {"attention_window": [4, 8], "activation_function": "relu", "scale_embedding": True},
        "halves": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

"""Whisper: every head, the weighted sum of layers, halves of different size."""

import torch
from kit.families import Case, Head, Inputs, class_labels

FRAMES = 40


def sound() -> Inputs:
    """Three spectrograms."""
    return {"input_features": torch.randn(3, 8, FRAMES)}


def both() -> Inputs:
    """Spectrograms and the decoder's tokens."""
    return {**sound(), "decoder_input_ids": torch.randint(5, 99, (3, 7))}


def decoder() -> Inputs:
    """The decoder's tokens and what it looks at."""
    return {"input_ids": torch.randint(5, 99, (3, 7)), "encoder_outputs": (torch.randn(3, FRAMES // 2, 32),)}


def labels(inputs: Inputs) -> Inputs:
    """Labels of the decoder, one of them ignored."""
    targets = torch.randint(5, 99, (3, 7))
    targets[0, -1] = -100
    return {"labels": targets}


CASE = Case(
    config_class="WhisperConfig",
    config={
        "vocab_size": 99,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 48,
        "max_source_positions": FRAMES // 2,
        "max_target_positions": 40,
        "num_mel_bins": 8,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 3,
        "begin_suppress_tokens": None,
        "classifier_proj_size": 24,
        "num_labels": 3,
    },
    heads={
        "WhisperForConditionalGeneration": Head(both, labels, generates=True),
        "WhisperModel": Head(both),
        "WhisperForCausalLM": Head(decoder, labels, generates=True),
        "WhisperForAudioClassification": Head(sound, class_labels(3), config={"use_weighted_layer_sum": True}),
    },
    variants={
        "relu": {"activation_function": "relu"},
        "heads": {"encoder_attention_heads": 2, "decoder_attention_heads": 8, "decoder_layers": 3},
        "untied": {"tie_word_embeddings": False},
    },
)

"""Whisper (Radford et al. 2022): an encoder of log-mel spectrograms and a decoder that writes what was said, or translates it.

Differs from T5: two convolutions make the encoder's input, positions are sinusoids in the encoder and learned in the decoder,
LayerNorms with biases stand before each half of a block, and the first tokens of the decoder say language, task and whether
times are wanted.

Paper: https://arxiv.org/abs/2212.04356
"""

from collections.abc import Sequence
from typing import ClassVar

from ...core.kinds import Count, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.seq2seq_config import Seq2SeqConfig


class WhisperConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are Whisper tiny's.

    `mask_time_*` and `mask_feature_*` steer SpecAugment (Park et al. 2019), which `apply_spec_augment` switches on in
    training. `use_weighted_layer_sum` makes the audio classifier look at all layers. Times of words come from a median
    filter of `median_filter_width` over cross-attentions.
    """

    model_type: ClassVar[str] = "whisper"
    attribute_map: ClassVar[dict[str, str]] = {"num_key_value_heads": "encoder_attention_heads"}

    vocab_size: Length = 51865
    num_mel_bins: Size = 80
    d_model: Size = 384
    encoder_layers: Depth = 4
    encoder_attention_heads: Size = 6
    encoder_ffn_dim: Size = 1536
    decoder_layers: Depth = 4
    decoder_attention_heads: Size = 6
    decoder_ffn_dim: Size = 1536
    max_source_positions: Length = 1500
    max_target_positions: Length = 448
    dropout: Rate = 0.0
    pad_token_id: int | None = 50256
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    decoder_start_token_id: int | None = 50257
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: Sequence[int] | None = (220, 50256)
    use_weighted_layer_sum: bool = False
    classifier_proj_size: Size = 256
    apply_spec_augment: bool = False
    mask_time_prob: Rate = 0.05
    mask_time_length: Size = 10
    mask_time_min_masks: Count = 2
    mask_feature_prob: Rate = 0.0
    mask_feature_length: Size = 10
    mask_feature_min_masks: Count = 0
    median_filter_width: Size = 7

    def validate(self) -> None:
        super().validate()
        if self.begin_suppress_tokens is not None:
            self.begin_suppress_tokens = list(self.begin_suppress_tokens)


TASKS = {
    "base": "WhisperModel",
    "speech-seq2seq": "WhisperForConditionalGeneration",
    "causal-lm": "WhisperForCausalLM",
    "audio-classification": "WhisperForAudioClassification",
}

PREPROCESSORS = {
    "tokenizer": "WhisperTokenizer",
    "feature_extractor": "WhisperFeatureExtractor",
    "processor": "WhisperProcessor",
}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["WhisperPreTrainedModel", "WhisperModel", "WhisperForConditionalGeneration"],
        "heads": ["WhisperForCausalLM", "WhisperForAudioClassification"],
        "tokenizer": ["WhisperTokenizer", "WhisperTokenizerFast"],
        "feature_extractor": ["WhisperFeatureExtractor"],
        "no_speech": ["WhisperNoSpeechDetection"],
        "timestamp_processor": ["WhisperTimeStampLogitsProcessor"],
        "processor": ["WhisperProcessor"],
    },
)

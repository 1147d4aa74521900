"""Generation: settings, the decoding loop, strategies, processors of scores, stopping rules, streamers."""

from ..core.plugins import lazy

_PROCESSORS = {
    "bad_words": "NoBadWordsLogitsProcessor",
    "begin_suppress_tokens": "SuppressTokensAtBeginLogitsProcessor",
    "encoder_no_repeat_ngram": "EncoderNoRepeatNGramLogitsProcessor",
    "encoder_repetition_penalty": "EncoderRepetitionPenaltyLogitsProcessor",
    "epsilon_cutoff": "EpsilonLogitsWarper",
    "eta_cutoff": "EtaLogitsWarper",
    "exponential_decay_length": "ExponentialDecayLengthPenalty",
    "forced_bos": "ForcedBOSTokenLogitsProcessor",
    "forced_eos": "ForcedEOSTokenLogitsProcessor",
    "guidance_scale": "UnbatchedClassifierFreeGuidanceLogitsProcessor",
    "min_length": "MinLengthLogitsProcessor",
    "min_new_tokens": "MinNewTokensLengthLogitsProcessor",
    "min_p": "MinPLogitsWarper",
    "no_repeat_ngram": "NoRepeatNGramLogitsProcessor",
    "prefix_allowed_tokens": "PrefixConstrainedLogitsProcessor",
    "remove_invalid_values": "InfNanRemoveLogitsProcessor",
    "renormalize_logits": "LogitNormalization",
    "repetition_penalty": "RepetitionPenaltyLogitsProcessor",
    "sequence_bias": "SequenceBiasLogitsProcessor",
    "suppress_tokens": "SuppressTokensLogitsProcessor",
    "temperature": "TemperatureLogitsWarper",
    "top_h": "TopHLogitsWarper",
    "top_k": "TopKLogitsWarper",
    "top_p": "TopPLogitsWarper",
    "typical_p": "TypicalLogitsWarper",
    "whisper_timestamps": "WhisperTimeStampLogitsProcessor",
}

__getattr__, __dir__ = lazy(
    __name__,
    {
        **{f"processors.{module}": [name] for module, name in _PROCESSORS.items()},
        "config": ["GenerationConfig"],
        "loop": ["Decoding", "Step", "decode"],
        "mixin": ["GenerationMixin"],
        "outputs": ["GenerateDecoderOnlyOutput", "GenerateEncoderDecoderOutput"],
        "processors": ["LogitsProcessor", "LogitsProcessorList"],
        "stopping": [
            "EosTokenCriteria",
            "MaxLengthCriteria",
            "MaxTimeCriteria",
            "StopStringCriteria",
            "StoppingCriteria",
            "StoppingCriteriaList",
        ],
        "streaming": ["AsyncTextIteratorStreamer", "BaseStreamer", "TextDecoder", "TextIteratorStreamer", "TextStreamer"],
    },
)

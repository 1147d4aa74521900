"""Generation: settings, the decoding loop, strategies, processors of scores, stopping rules, streamers."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "compiled": ["CompileConfig"],
        "config": ["GenerationConfig"],
        "older.constrained_beam.constraints": [
            "Constraint",
            "ConstraintListState",
            "DisjunctiveConstraint",
            "PhrasalConstraint",
        ],
        "decoding": ["Decoding"],
        "loop": ["Step", "decode"],
        "outputs": [
            "GenerateBeamDecoderOnlyOutput",
            "GenerateBeamEncoderDecoderOutput",
            "GenerateDecoderOnlyOutput",
            "GenerateEncoderDecoderOutput",
        ],
        "processor": ["LogitsProcessor", "LogitsProcessorList", "LogitsWarper"],
        "stopping": [
            "ConfidenceCriteria",
            "EosTokenCriteria",
            "MaxLengthCriteria",
            "MaxTimeCriteria",
            "StopStringCriteria",
            "StoppingCriteria",
            "StoppingCriteriaList",
        ],
        "streaming.rows": [
            "AsyncBatchTextIteratorStreamer",
            "BatchTextIteratorStreamer",
            "BatchTextStreamer",
            "RowStreamer",
            "TextPiece",
        ],
        "streaming.text": [
            "AsyncTextIteratorStreamer",
            "BaseStreamer",
            "TextDecoder",
            "TextIteratorStreamer",
            "TextStreamer",
        ],
        "seeds": ["row_seed"],
        "watermark": ["BaseWatermarkingConfig"],
    },
    folders=["processors", "watermarks"],
)

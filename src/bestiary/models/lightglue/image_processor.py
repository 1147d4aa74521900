"""How LightGlue's checkpoints want their pairs of images."""

from ...preprocess.image.pairs import PairBackend


class LightGlueImageProcessor(PairBackend):
    """See `PairBackend`: 480 x 640 bilinear, grey, pixels in 0..1."""


LightGlueImageProcessorFast = LightGlueImageProcessorPil = LightGlueImageProcessor

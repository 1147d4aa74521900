"""How VideoMAE's checkpoints want their films."""

from ...preprocess.video.standard import StandardVideoProcessor


class VideoMAEVideoProcessor(StandardVideoProcessor):
    """Shortest edge of each frame to 224 bilinear, its middle of 224 x 224, mean and deviation 0.5."""

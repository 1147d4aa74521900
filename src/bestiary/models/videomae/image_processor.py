"""How VideoMAE's checkpoints want their films, as image processors have it."""

from ...preprocess.video.film_images import FilmImageProcessor


class VideoMAEImageProcessor(FilmImageProcessor):
    """Shortest edge of each frame to 224 bilinear, its middle of 224 x 224, mean and deviation 0.5."""


VideoMAEFeatureExtractor = VideoMAEImageProcessorPil = VideoMAEImageProcessor

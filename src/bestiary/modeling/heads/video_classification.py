"""A label for a film."""

from .image_classification import ImageClassifier


class VideoClassifier(ImageClassifier):
    """Logits over labels (B, N) from one vector per film, by `classifier`, a linear layer."""

    loss_type = "ForVideoClassification"

"""How Mask2Former's checkpoints want their images, and the maps of instances that belong to them."""

from ...preprocess.image.mask_labels import MaskImageProcessor


class Mask2FormerImageProcessor(MaskImageProcessor):
    """As MaskFormer's; predicted masks are first brought to 384 x 384."""

    mask_size = (384, 384)


Mask2FormerImageProcessorFast = Mask2FormerImageProcessorPil = Mask2FormerImageProcessor

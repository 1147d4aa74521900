"""Images in which all three channels are the same grey."""

import numpy as np

WEIGHTS = (0.2989, 0.5870, 0.1140)  # of red, green and blue


def grey(image: np.ndarray) -> np.ndarray:
    """An image (3, Y, X) as floats, each channel the brightness; one whose channels are the same, or not three, stays."""
    if len(image) != 3 or (np.array_equal(image[0], image[1]) and np.array_equal(image[1], image[2])):
        return image
    brightness = sum(weight * channel for weight, channel in zip(WEIGHTS, image, strict=True))
    return np.repeat(np.asarray(brightness)[None], 3, axis=0)

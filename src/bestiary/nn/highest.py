"""The highest of many scores, found block by block.

On a CPU torch looks for the place of the highest number one number at a time, but for its value at many.
"""

import torch

Tensor = torch.Tensor

BLOCK = 256
WORTH = 4096  # below this many scores the search itself costs less than the blocks


def highest(scores: Tensor) -> Tensor:
    """The place (R,) of the highest score of each row (R, V), the first of equals; NaN counts as highest, as in `argmax`."""
    size = scores.shape[-1]
    if size < WORTH or scores.device.type != "cpu":
        return scores.argmax(-1)
    whole = size // BLOCK
    best = scores[:, : whole * BLOCK].unflatten(1, (whole, BLOCK)).amax(-1)
    if size % BLOCK:
        best = torch.cat([best, scores[:, whole * BLOCK :].amax(-1, keepdim=True)], dim=1)
    places = (best.argmax(-1, keepdim=True) * BLOCK + torch.arange(BLOCK)).clamp(max=size - 1)
    token: Tensor = places.gather(1, scores.gather(1, places).argmax(-1, keepdim=True)).squeeze(1)
    return token

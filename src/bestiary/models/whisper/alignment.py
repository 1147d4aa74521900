"""When each token was said: the path of the decoder's attention through the recording, by dynamic time warping."""

import numpy as np
import torch
from torch import Tensor


def median_filter(x: Tensor, width: int) -> Tensor:
    """The median of `width` neighbours along the last dimension of (..., S), mirrored at the edges; short inputs stay."""
    reach = width // 2
    if reach == 0 or x.shape[-1] <= reach:
        return x
    mirrored = torch.nn.functional.pad(x.flatten(0, -2).unsqueeze(0), (reach, reach), mode="reflect")
    return mirrored.squeeze(0).unfold(-1, width, 1).median(-1).values.view(x.shape)


def first_columns(cost: np.ndarray) -> list[int]:
    """For each row of `cost` (N, S), the first column on the cheapest path from corner to corner (Sakoe & Chiba 1978)."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    came = np.zeros((rows + 1, columns + 1), dtype=np.int8)
    for diagonal in range(2, rows + columns + 1):  # cells of one diagonal depend on the two before only
        i = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        came[i, j] = before.argmin(0)
        total[i, j] = cost[i - 1, j - 1] + before.min(0)
    first = [0] * rows
    i, j = rows, columns
    while i > 0:
        first[i - 1] = j - 1
        step = came[i, j]
        i, j = i - int(step != 2), j - int(step != 1)
    return first


def token_times(weights: Tensor, width: int, precision: float) -> list[float]:
    """Seconds from the start of the window at which each token ends: while it is read, the decoder listens for the next one.

    Args:
        weights: (heads, N, S) attention to the encoder's S positions while each of N tokens is read. The heads are those
            that follow the speech (`alignment_heads` of the generation settings).
        width: of the median filter over time. precision: seconds between positions.
    """
    if weights.shape[1] < 2 or weights.shape[2] == 0:
        return [0.0] * weights.shape[1]
    weights = weights.float()
    spread = weights.std(-2, keepdim=True, unbiased=False).clamp(min=1e-10)
    matrix = median_filter((weights - weights.mean(-2, keepdim=True)) / spread, width).mean(0)
    return [column * precision for column in first_columns(-matrix.double().cpu().numpy())]

"""Masks as the lengths of their runs, column by column, beginning with one that is outside (COCO's uncompressed RLE)."""

from typing import Any, TypedDict

import numpy as np


class RunLengths(TypedDict):
    """`size` is height and width; `counts` are the lengths of the runs."""

    size: list[int]
    counts: list[int]


def to_runs(mask: Any) -> RunLengths:
    """A mask (Y, X), an array of booleans."""
    height, width = mask.shape
    flat = np.asarray(mask).T.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate((changes, [flat.size]))
    counts = np.diff(ends, prepend=0).tolist()
    return {"size": [height, width], "counts": [0, *counts] if flat.size and flat[0] else counts}


def from_runs(runs: RunLengths) -> np.ndarray:
    """The mask (Y, X), booleans."""
    height, width = runs["size"]
    inside = np.arange(len(runs["counts"])) % 2 == 1
    return np.repeat(inside, runs["counts"]).reshape(width, height).T

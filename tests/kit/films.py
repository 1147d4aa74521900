"""Small films, written by the tests that need them."""

from pathlib import Path

import av
import numpy as np


def write_film(
    path: Path, frames: int = 30, size: tuple[int, int] = (32, 48), codec: str = "libx264", gop: int = 12, rate: int = 10
) -> Path:
    """A film of coloured squares that move, each frame of which differs from every other; height and width are `size`."""
    squares = np.random.default_rng(0).integers(0, 255, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    picture = squares.repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = size[1], size[0], "yuv420p", gop
        for number in range(frames):
            moved = np.roll(picture, number, 1)
            moved[:4, :4] = number * 7 % 256
            for packet in stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")):
                container.mux(packet)
        container.mux(stream.encode())
    return path

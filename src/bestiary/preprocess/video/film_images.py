"""Image processors that take films, as models of films had them before there were video processors."""

from typing import Any

import numpy as np

from ...core.logging import warn_once
from ..batch import BatchFeature, TensorType
from ..image.base import channel_formats
from ..image.pil_backend import PilBackend, Size, edges
from ..image.reading import to_array
from ..image.standard import StandardImageProcessor
from .frames import frames_of, list_of_films
from .reading import load_video


class FilmImageProcessor(StandardImageProcessor):
    """Films to `pixel_values` (B, T, C, Y, X): every frame for itself, by the settings of `PilBackend`."""

    size: Size = edges(shortest_edge=224)
    default_to_square: bool = False
    do_center_crop: bool = True
    crop_size: Size = edges(height=224, width=224)

    def preprocess(  # type: ignore[override]  # films in the place of images
        self,
        videos: Any,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """`pixel_values` of one film or of many; a film is a list of frames, an array (T, Y, X, C), or a path.

        The other arguments and the errors are those of `PilBackend.preprocess`.
        """
        call = self.with_overrides(overrides)
        data_format, source_format = channel_formats(data_format, input_data_format)
        if device is not None and return_tensors != TensorType.PYTORCH:
            warn_once("device-of-arrays", f'device={device!r:.80} moves torch tensors alone; return_tensors="pt" makes them')
            device = None
        settings = {name: call.get(name) for name in self._field_names}
        films = []
        for film in list_of_films(videos, source_format):
            frames = film if isinstance(film, list) else frames_of(load_video(film)[0])
            if call.do_convert_rgb:
                frames = [to_array(frame, True, "channels_last") for frame in frames]
            images = [frame.transpose(2, 0, 1) for frame in frames]
            pixels = call._preprocess(images, **settings, data_format=data_format)["pixel_values"]
            films.append(np.stack(pixels) if len({each.shape for each in pixels}) == 1 else pixels)
        batch = BatchFeature({"pixel_values": films}, return_tensors)
        return batch if device is None else batch.to(device)


def rescaled_by_offset(processor: PilBackend, image: np.ndarray, scale: float, **kwargs: Any) -> np.ndarray:
    """`image * scale - 1`, by which 0..255 become -1..1 with a scale of 1 / 127.5."""
    shifted: np.ndarray = PilBackend.rescale(processor, image, scale, **kwargs) - np.float32(1)
    return shifted

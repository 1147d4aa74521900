"""The video processor: films sampled in time, each frame made to fit by the steps of image processors."""

import os
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Natural, Positive
from ...core.logging import warn_once
from ...hub.code.saving import registers_for
from ...hub.files import HubOptions, file_itself, find_file
from ..batch import BatchFeature, TensorType
from ..image.base import channel_formats
from ..image.pil_backend import PilBackend
from ..image.reading import rgb
from .frames import frames_of, in_one_array, is_source, list_of_films
from .metadata import VideoMetadata
from .reading import Choice, checked, load_video, read_film
from .sampling import default_sample_indices_fn

IMAGE_FILE = "preprocessor_config.json"


class BaseVideoProcessor(PilBackend):
    """Films to `pixel_values_videos` (B, T, C, Y, X); the settings are those of `PilBackend`, and how films are sampled.

    The published processors scale by torchvision; the steps here are Pillow's, which differ by one of 255 levels at most.

    A subclass may override `sample_frames`, which says what frames of a film are taken, and the steps on a frame.

    Example:
        processor = VideoMAEVideoProcessor.from_pretrained(folder)
        pixels = processor("film.mp4", num_frames=16, do_sample_frames=True, return_tensors="pt").pixel_values
    """

    part_name: ClassVar[str] = "video_processor"
    type_key: ClassVar[str] = "video_processor_type"
    file_name: ClassVar[str] = "video_preprocessor_config.json"
    model_input_names: ClassVar[list[str]] = ["pixel_values_videos"]
    register_for_auto_class = registers_for("AutoVideoProcessor")

    do_sample_frames: bool | None = None
    num_frames: Natural | None = None
    fps: Positive | None = None
    return_metadata: bool | None = False

    @classmethod
    def get_dict(cls, name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions()) -> dict[str, Any]:
        """The stored settings; those of an image processor where a checkpoint has no file for films, as older ones."""
        if file_itself(name_or_path) is None and find_file(name_or_path, cls.file_name, options) is None:
            path = find_file(name_or_path, IMAGE_FILE, options)
            if path is not None:
                return super().get_dict(path, options)
        return super().get_dict(name_or_path, options)

    @classmethod
    def get_video_processor_dict(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stored settings, and those of `kwargs` that do not say where they are."""
        options, others = HubOptions.split(kwargs)
        return cls.get_dict(pretrained_model_name_or_path, options), others

    def __call__(self, videos: Any, *args: Any, **kwargs: Any) -> BatchFeature:  # type: ignore[override]  # as published
        """The same as `preprocess`."""
        return self.preprocess(videos, *args, **kwargs)

    def preprocess(  # type: ignore[override]  # films in the place of images
        self,
        videos: Any,
        *,
        return_tensors: str | TensorType | None = None,
        data_format: str | None = None,
        input_data_format: str | None = None,
        device: Any = None,
        video_metadata: Any = None,
        sample_indices_fn: Choice | None = None,
        **overrides: Any,
    ) -> BatchFeature:
        """The pixels of one film or of many, under the first of `model_input_names`.

        Args:
            videos: a path, an address, bytes, a list of frames, an array (T, Y, X, C) or (T, C, Y, X); or lists of these.
            return_tensors: "pt" or "np" stacks them into one tensor (B, T, C, Y, X); None returns a list of arrays.
            data_format: "channels_first" (the default) or "channels_last" for the result.
            input_data_format: where arrays have their channels; told from the shape when it can be.
            device: where a torch result is put.
            video_metadata: what is known of films that are no files, one for each (`VideoMetadata` or a dictionary).
            sample_indices_fn: gives the numbers of the frames of files in the place of `sample_frames`, from `metadata=`.
            **overrides: any setting, for this call.

        Raises:
            InputError: a film cannot be used, is shorter than asked for, or the results differ in size and were to be stacked.
            CorruptFile: a file is damaged. ArgumentError, ConfigError: an override that does not exist or does not fit.
        """
        call = self.with_overrides(overrides)
        data_format, source_format = channel_formats(data_format, input_data_format)
        if device is not None and return_tensors != TensorType.PYTORCH:
            warn_once("device-of-arrays", f'device={device!r:.80} moves torch tensors alone; return_tensors="pt" makes them')
            device = None
        films, known = list_of_films(videos, source_format), _list_of_metadata(video_metadata)
        if known and len(known) != len(films):
            raise InputError(f"video_metadata tells of {len(known)} films, and {len(films)} were given")
        pixels, told, sizes = [], [], []
        for index, film in enumerate(films):
            frames, metadata = call.sampled(film, known[index] if known else None, sample_indices_fn)
            pixels.append(call.process_film(frames, data_format))
            told.append(metadata)
            sizes.append(frames.shape[1:3])
        features: dict[str, Any] = {self.model_input_names[0]: pixels, **call.told_sizes(sizes)}
        if call.return_metadata:
            features["video_metadata"] = told
        batch = BatchFeature(features, return_tensors, skip_tensor_conversion=("video_metadata",))
        return batch if device is None else batch.to(device)

    def told_sizes(self, sizes: list[tuple[int, int]]) -> dict[str, Any]:
        """What is told of the heights and widths of films."""
        return {}

    def sampled(
        self, film: Any, metadata: VideoMetadata | None = None, sample_indices_fn: Choice | None = None
    ) -> tuple[np.ndarray, VideoMetadata]:
        """The frames (T, Y, X, C) of a film that these settings take, and what is known of it."""
        if is_source(film):

            def choose(metadata: VideoMetadata) -> Any:
                if sample_indices_fn is not None:
                    return sample_indices_fn(metadata=metadata)
                return self.sample_frames(metadata) if self.do_sample_frames else default_sample_indices_fn(metadata)

            return read_film(film, choose)
        film = in_one_array(film)
        metadata = metadata or VideoMetadata(len(film), height=film.shape[1], width=film.shape[2])
        metadata.frames_indices = list(range(len(film)))
        if self.do_sample_frames:
            metadata.frames_indices = checked(self.sample_frames(metadata), len(film))
            film = film[metadata.frames_indices]
        return film, metadata

    def sample_frames(
        self, metadata: VideoMetadata, num_frames: int | None = None, fps: float | None = None, **kwargs: Any
    ) -> np.ndarray:
        """Numbers of frames in equal distances: `num_frames` of them, or `fps` a second, by default those of the settings.

        Raises:
            ArgumentError: both were given. InputError: the film is too short, or its frames per second are not known.
        """
        if num_frames is not None and fps is not None:
            raise ArgumentError("num_frames and fps were both given; pass one of them")
        if num_frames is None and fps is None:
            num_frames, fps = self.num_frames, self.fps
        return default_sample_indices_fn(metadata, num_frames, fps)

    def process_film(self, frames: np.ndarray, data_format: str | None = None) -> np.ndarray:
        """Frames (T, Y, X, C) with all steps taken (T, C, Y, X), or (T, Y, X, C) with `data_format="channels_last"`."""
        if self.do_convert_rgb:
            frames = rgb(frames)
        settings = {name: self.get(name) for name in self._field_names}
        images = [frame.transpose(2, 0, 1) for frame in frames]
        batch = PilBackend._preprocess(self, images, **settings, data_format=data_format)
        return np.stack(batch["pixel_values"])

    def convert_to_rgb(self, video: Any, input_data_format: str | None = None) -> np.ndarray:
        """A film (T, Y, X, C) or (T, C, Y, X) in three channels, which stay where they are; transparency is laid on white."""
        frames = in_one_array(frames_of(video, input_data_format))
        moved = frames.shape != tuple(np.shape(video))
        pixels = rgb(frames)
        return pixels.transpose(0, 3, 1, 2) if moved else pixels

    def fetch_videos(self, video_url_or_urls: Any, sample_indices_fn: Choice | None = None) -> Any:
        """Each film in (lists of) these as its frames (T, Y, X, 3) and what is known of it; addresses are fetched."""
        if isinstance(video_url_or_urls, list | tuple):
            return tuple(zip(*(self.fetch_videos(each, sample_indices_fn) for each in video_url_or_urls), strict=True))
        return load_video(video_url_or_urls, sample_indices_fn=sample_indices_fn)


def _list_of_metadata(values: Any) -> list[VideoMetadata]:
    """What is known of each film; empty where nothing is."""
    if values is None:
        return []
    several = values if isinstance(values, list | tuple) else [values]
    return [VideoMetadata.read(each) for each in several]

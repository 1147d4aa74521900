"""What is known of a film besides its pixels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...core.errors import InputError


@dataclass
class VideoMetadata(Mapping[str, Any]):
    """What is known of a film; also a mapping of its fields.

    Attributes:
        total_num_frames: how many frames the whole film has. fps: frames per second. width, height: in pixels. duration: in
            seconds. video_backend: what decoded it. frames_indices: numbers of the frames that were taken.
    """

    total_num_frames: int
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    video_backend: str | None = None
    frames_indices: list[int] | None = None

    def __iter__(self) -> Iterator[str]:
        return (field.name for field in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(f"what is known of a film is {', '.join(self)}, not {name!r:.80}")
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    @property
    def timestamps(self) -> list[float]:
        """The second at which each taken frame stands.

        Raises:
            InputError: the frames taken, or their number per second, are not known.
        """
        if self.fps is None or self.frames_indices is None:
            raise InputError("the seconds of frames follow from fps and frames_indices, and one of them is not known; set both")
        return [index / self.fps for index in self.frames_indices]

    @property
    def sampled_fps(self) -> float:
        """How many of the taken frames stand in one second; 24 where the film's own frames per second are not known."""
        if self.fps is None or self.frames_indices is None or not self.total_num_frames:
            return 24.0
        return len(self.frames_indices) / self.total_num_frames * self.fps

    def update(self, dictionary: Mapping[str, Any]) -> None:
        """Set the fields that `dictionary` has."""
        for name, value in dictionary.items():
            if name in self.__dataclass_fields__:
                setattr(self, name, value)

    @classmethod
    def read(cls, values: "VideoMetadata | Mapping[str, Any]") -> "VideoMetadata":
        """Of the same, or of a dictionary of its fields.

        Raises:
            InputError: it is neither, or does not say how many frames there are.
        """
        if isinstance(values, VideoMetadata):
            return values
        if not isinstance(values, Mapping) or not isinstance(values.get("total_num_frames"), int):
            raise InputError(f"video_metadata is {values!r:.80}; expected VideoMetadata, or a dictionary with total_num_frames")
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})

"""The sizes of films that a model sees, whatever its config calls them. Needs no torch."""

from abc import abstractmethod

from ..core.errors import ConfigError
from .config import PreTrainedConfig

Box = tuple[int, int, int]


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Of a size that configs write as one number (a square) or two."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width


class FilmConfig(PreTrainedConfig):
    """Base of the configs of models that see films as tubes of some frames, pixels high and pixels wide."""

    @abstractmethod
    def tube(self) -> Box:
        """Frames, height and width of a tube, which becomes one token."""

    @abstractmethod
    def film(self) -> Box:
        """Frames, height and width of a film of the usual size."""

    def tubes(self) -> Box:
        """How many tubes a film of the usual size has along frames, height and width."""
        frames, rows, columns = (whole // part for whole, part in zip(self.film(), self.tube(), strict=True))
        return frames, rows, columns

    def validate(self) -> None:
        super().validate()
        if min(self.tube()) < 1 or min(self.tubes()) < 1:
            whole, part = (" x ".join(map(str, size)) for size in (self.film(), self.tube()))
            raise ConfigError(f"{type(self).__name__}: films of {whole} (frames, height, width) hold no tube of {part}")

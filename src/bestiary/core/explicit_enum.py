"""The base of enumerations whose members are texts that callers pass."""

from enum import Enum
from typing import NoReturn


class ExplicitEnum(str, Enum):  # noqa: UP042 (as published: `str()` of a member names the class)
    """An enumeration of texts whose errors name its values."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise ValueError(f"{value!r:.80} is not a valid {cls.__name__}, please select one of {[each.value for each in cls]}")

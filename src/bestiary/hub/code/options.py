"""What a caller says of code in a checkpoint."""

import re
from dataclasses import dataclass, fields
from typing import Any, Self, TypedDict

from ...core.errors import ArgumentError
from ...core.kinds import describe, fits


@dataclass(frozen=True)
class CodeOptions:
    """The keywords by which a caller lets code of a checkpoint run.

    trust_remote_code: True lets it run; else a class of this library opens the checkpoint, or nothing does.
    code_revision: branch, tag or commit of the code on the hub, where it is another than that of the checkpoint.
    code_digest: the code runs only if its files have this digest (`CheckpointCode.digest`); it alone lets nothing run.
    """

    trust_remote_code: bool | None = None
    code_revision: str | None = None
    code_digest: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if not fits(vars(self)[field.name], field.type):
                raise ArgumentError(f"{field.name} is {vars(self)[field.name]!r:.80}; expected {describe(field.type)}")
        if self.code_digest is not None and not re.fullmatch("(sha256:)?[0-9a-fA-F]{64}", self.code_digest):
            raise ArgumentError(
                f"code_digest is {self.code_digest!r:.80}; expected the 64 hexadecimal digits of a SHA-256 digest, which the"
                " error of a call without trust_remote_code=True shows"
            )

    def said(self) -> dict[str, Any]:
        """The keywords that were passed."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def split(cls, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Take these keywords out of `kwargs`; returns them and the rest."""
        names = {field.name for field in fields(cls)}
        rest = {name: value for name, value in kwargs.items() if name not in names}
        return cls(**{name: value for name, value in kwargs.items() if name in names}), rest


class CodeKeywords(TypedDict, total=False):
    """`CodeOptions` as keywords."""

    trust_remote_code: bool | None
    code_revision: str | None
    code_digest: str | None

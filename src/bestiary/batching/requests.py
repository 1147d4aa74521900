"""One request of a batch: what it asks for, how far it is, and what it got."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..cache.paged import PagedText
from ..generation.config import GenerationConfig


class RequestStatus(enum.Enum):
    """Where a request stands."""

    PENDING = 0
    PREFILLING = 1
    DECODING = 2
    FINISHED = 3
    FAILED = 4


@dataclass
class GenerationOutput:
    """What a request got.

    generated_tokens: the new tokens, an end token included. logprobs: of each, in the model's own distribution, where they
    were asked for. finish_reason: "eos", "stop", "length", "time", "stopped", "cancelled", "error", or "" while it goes on.
    error: what went wrong. created_time, lifespan (start, end), timestamps of the tokens: in seconds, as `time.perf_counter`.
    """

    request_id: str
    prompt_ids: list[int] = field(default_factory=list)
    generated_tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    error: str | None = None
    status: RequestStatus = RequestStatus.PENDING
    created_time: float = field(default_factory=time.perf_counter)
    lifespan: tuple[float, float] = (-1, -1)
    timestamps: list[float] | None = None
    finish_reason: str = ""

    def is_finished(self) -> bool:
        """Whether nothing more will come, be it for an error."""
        return self.status in (RequestStatus.FINISHED, RequestStatus.FAILED)


@dataclass(eq=False)
class RequestState(PagedText):
    """A request inside the engine; its `tokens` are the prompt and all new ones.

    Attributes:
        prompt: tokens of it. limit: how many tokens there may be.
        draw: the seed of its random numbers. eos: end tokens. criteria: further reasons to end.
        listener: told of every new token and of the end.
    """

    request_id: str
    prompt: int
    limit: int
    settings: GenerationConfig
    processors: Any
    criteria: list[Any]
    eos: frozenset[int]
    draw: int
    listener: Callable[["RequestState"], None] | None = None
    wants_timestamps: bool = False
    logprobs: list[float] = field(default_factory=list)
    timestamps: list[float] = field(default_factory=list)
    created: float = field(default_factory=time.perf_counter)
    began: float = -1
    ended: float = -1
    finish_reason: str = ""
    error: BaseException | None = None

    @property
    def ids(self) -> Tensor:
        """All tokens, (1, T), for processors and criteria."""
        return torch.tensor([self.tokens], dtype=torch.int64)

    @property
    def new_tokens(self) -> list[int]:
        """The tokens behind the prompt."""
        return self.tokens[self.prompt :]

    @property
    def status(self) -> RequestStatus:
        """Where it stands."""
        if self.finish_reason:
            return RequestStatus.FAILED if self.error is not None else RequestStatus.FINISHED
        if self.began < 0:
            return RequestStatus.PENDING
        return RequestStatus.DECODING if self.remaining == 1 and self.cached else RequestStatus.PREFILLING

    def finish(self, reason: str, error: BaseException | None = None) -> None:
        """It has ended; the first reason counts."""
        if not self.finish_reason:
            self.finish_reason, self.error, self.ended = reason, error, time.perf_counter()
            if self.listener is not None:
                self.listener(self)

    def output(self) -> GenerationOutput:
        """What it has got so far."""
        return GenerationOutput(
            self.request_id,
            self.tokens[: self.prompt],
            self.new_tokens,
            list(self.logprobs),
            None if self.error is None else f"{type(self.error).__name__}: {self.error}",
            self.status,
            self.created,
            (self.began, self.ended),
            list(self.timestamps) if self.wants_timestamps else None,
            self.finish_reason,
        )

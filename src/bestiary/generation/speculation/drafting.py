"""Where guesses at the next tokens come from: a smaller model, or the text so far. `verification` checks them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ..config import GenerationConfig
from ..decoding import Decoding
from ..model import GeneratingModel
from ..strategies.sample import Sample
from ..strategy import Strategy

# Guesses whose confidence is known that the threshold is fitted to.
_MEMORY = 512
# What a wrong guess costs beside a right one that was not made.
_TOO_MANY, _TOO_FEW = 0.25, 0.75


@dataclass
class Draft:
    """Guesses at the next tokens.

    tokens (R, n). probabilities (R, n, V): those the tokens were drawn by; None where nothing was drawn.
    """

    tokens: Tensor
    probabilities: Tensor | None = None

    def to(self, device: torch.device) -> "Draft":
        """The same on `device`."""
        return Draft(self.tokens.to(device), None if self.probabilities is None else self.probabilities.to(device))


class Drafter(ABC):
    """Guesses; `cost` is that of one guess, in steps of the model that is helped."""

    cost = 0.0

    @abstractmethod
    def propose(self, run: Decoding, most: int) -> Draft | None:
        """At most `most` tokens that may follow the rows of `run`; None where there is nothing to go by."""

    def learn(self, accepted: int, drafted: int) -> None:  # noqa: B027 (some have nothing to adapt)
        """How many of the tokens proposed last were right."""


class Schedule:
    """How many tokens to guess at a time; "heuristic" remembers its number for the assistant, from call to call."""

    _remembered: "WeakKeyDictionary[GeneratingModel, int]" = WeakKeyDictionary()

    def __init__(self, settings: GenerationConfig, assistant: GeneratingModel, defaults: GenerationConfig) -> None:
        self.kind = _chosen(settings, defaults, "num_assistant_tokens_schedule")
        self.tokens: int = _chosen(settings, defaults, "num_assistant_tokens")
        self._assistant = assistant
        if self.kind == "heuristic" and settings.origin("num_assistant_tokens") not in ("call", "config"):
            self.tokens = self._remembered.get(assistant, self.tokens)

    def learn(self, accepted: int, drafted: int) -> None:
        """Two more when all guesses were right, else one less."""
        if self.kind == "constant":
            return
        self.tokens = self.tokens + 2 if accepted == drafted else max(1, self.tokens - 1)
        if self.kind == "heuristic":
            self._remembered[self._assistant] = self.tokens


def _chosen(settings: GenerationConfig, defaults: GenerationConfig, name: str) -> Any:
    """What the caller said, else what the assistant's own settings say, else what counts without."""
    if settings.origin(name) not in ("call", "config") and defaults.get(name) is not None:
        return defaults.get(name)
    return settings.effective(name)


class Confidence:
    """Below which probability of its own guess a draft model stops guessing (Mamou et al. 2024, without training).

    The threshold follows what the guesses were worth: the value that would have split right from wrong ones best.
    """

    def __init__(self, settings: GenerationConfig, defaults: GenerationConfig) -> None:
        self.threshold: float = _chosen(settings, defaults, "assistant_confidence_threshold") or 0.0
        self._seen: list[tuple[float, bool]] = []

    def learn(self, confidences: list[float], accepted: int) -> None:
        """`confidences` of the guesses of a round, of which the first `accepted` were right and the next one wrong."""
        if not self.threshold:
            return
        judged = confidences[: accepted + 1]
        self._seen = (self._seen + [(value, place < accepted) for place, value in enumerate(judged)])[-_MEMORY:]
        values, right = torch.tensor([pair[0] for pair in self._seen]), torch.tensor([pair[1] for pair in self._seen])
        if bool(right.all()) or not bool(right.any()):
            return
        order = values.argsort()
        right = right[order].double()
        # With the threshold at the i-th value, the i guesses below it would not have been made.
        too_few = (right.cumsum(0) - right) / right.sum()
        wrong = 1 - right
        too_many = wrong.flip(0).cumsum(0).flip(0) / wrong.sum()
        self.threshold = float(values[order][(_TOO_FEW * too_few + _TOO_MANY * too_many).argmin()])


class ModelDrafter(Drafter):
    """Guesses by a model of the same vocabulary.

    Args:
        run: its decoding, which starts with the rows that are to be continued. choice: how it picks tokens.
        keep: whether the distributions are needed that tokens are drawn by. vocab: tokens of the model that is helped.

    Attributes:
        sure: the probability of each token written last, the least of all rows.
    """

    def __init__(
        self, run: Decoding, choice: Strategy, keep: bool, schedule: Schedule, confidence: Confidence, cost: float, vocab: int
    ) -> None:
        self.run, self.schedule, self.confidence, self.cost = run, schedule, confidence, cost
        self._choice, self._keep, self._vocab = choice, keep, vocab
        self._known = run.length
        self.sure: list[float] = []

    def propose(self, run: Decoding, most: int) -> Draft | None:
        self.follow(run.ids, self._known)
        streams = self._choice.streams if isinstance(self._choice, Sample) else None
        if streams is not None:
            streams.seek(run.length - run.prompt.ids.shape[1])
        draft = self.write(most, run.finish.running)
        return None if draft is None else draft.to(run.ids.device)

    def follow(self, ids: Tensor, known: int) -> None:
        """Go on from the rows `ids` (R, T), of which the first `known` tokens are here already."""
        draft = self.run
        draft.rewind(known)
        draft.length = min(draft.length, known)
        draft.commit(ids[:, known:].to(draft.ids.device))
        self._known = draft.length

    def write(self, most: int, running: Tensor) -> Draft | None:
        """At most `most` tokens more; they end early where a `running` row (R,) is unsure."""
        draft = self.run
        most = min(most, self.schedule.tokens, draft.finish.max_length - draft.length)
        tokens, probabilities = [], []
        self.sure = []
        for _ in range(most):
            scores = draft.process(self._logits(draft.forward().logits[:, -1]))
            chosen = self._choice.choose(draft, scores).tokens
            draft.commit(chosen)
            tokens.append(chosen)
            if self._keep:
                probabilities.append(scores.softmax(-1))
            if self.confidence.threshold and self._unsure(scores, chosen, running):
                break
        if not tokens:
            return None
        return Draft(torch.stack(tokens, 1), torch.stack(probabilities, 1) if self._keep else None)

    def _logits(self, logits: Tensor) -> Tensor:
        """`logits` (R, own V) over the other model's vocabulary; what pads a table of tokens to a round size is no token."""
        missing = self._vocab - logits.shape[-1]
        return logits[:, : self._vocab] if missing <= 0 else nn.functional.pad(logits, (0, missing), value=-torch.inf)

    def _unsure(self, scores: Tensor, chosen: Tensor, running: Tensor) -> bool:
        sure = scores.softmax(-1).gather(1, chosen.unsqueeze(1)).squeeze(1)
        self.sure.append(float(torch.where(running.to(sure.device), sure, 1.0).min()))
        return self.sure[-1] < self.confidence.threshold

    def learn(self, accepted: int, drafted: int) -> None:
        self._known += accepted
        self.schedule.learn(accepted, drafted)
        self.confidence.learn(self.sure, accepted)

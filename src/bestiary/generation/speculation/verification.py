"""Guesses checked by the model: many positions in one pass, and the tokens that it would have written without them.

Each position is processed, chosen and ended as in plain decoding, one after the other, so that nothing else has to know.
"""

from collections import deque
from typing import Any

import torch
from torch import Tensor

from ..call import Call
from ..decoding import Decoding
from ..strategy import NextTokens, Strategy, plain_strategy
from .drafting import Draft, Drafter

# What checking one more token costs, in steps of the model; a guess costs at most so much as is believed of one.
_CHECK, _MOST_COST = 0.05, 0.5
# Rounds that are judged together, and the least and most tokens written without guesses after a bad time.
_ROUNDS, _SHORT, _LONG = 8, 16, 512


class Worth:
    """Whether guessing pays: rounds that cost more steps than they give tokens are followed by plain steps for a while.

    It is decided by counts, not by a clock, so that a seed means the same every time.
    """

    def __init__(self, cost: float) -> None:
        self._cost = min(cost, _MOST_COST) + _CHECK
        self._rounds: deque[float] = deque(maxlen=_ROUNDS)
        self._rest, self._next = 0, _SHORT

    def rests(self) -> bool:
        """Whether the next step is to be a plain one."""
        self._rest -= 1
        return self._rest >= 0

    def learn(self, accepted: int, drafted: int) -> None:
        """Count a round: `accepted` of its `drafted` tokens were right."""
        self._rounds.append(accepted - drafted * self._cost)
        if len(self._rounds) < self._rounds.maxlen // 2:  # type: ignore[operator]
            return
        if sum(self._rounds) < 0:
            self._rest, self._next = self._next, min(2 * self._next, _LONG)
            self._rounds.clear()
        else:
            self._next = _SHORT


class Speculation(Strategy):
    """Plain decoding, greedy or by draws, that is helped by guesses.

    Greedy: a guess is right when it is the model's own choice. Drawn: a guess drawn by q is kept with the probability
    min(1, p / q), and else replaced by a draw from what p has more than q, which makes it a draw from p
    (Leviathan et al. 2023); a guess that was not drawn counts as certain. Rows go on together: the first wrong guess in any
    row that still runs ends the round for all. With `assistant_ensemble_weight`, w, p is w p + (1 - w) q where there is a
    guess, which follows the assistant further away from the model's own text.
    """

    row_seeds = True
    drafter: Drafter

    def start(self, run: Decoding, call: Call) -> None:
        self._plain = plain_strategy(self.settings, self.generator, run, call)
        # With seeds of its own, a row's draw is known beforehand, and a guess is right when it is that draw.
        self._draws = bool(self.settings.do_sample) and call.seed is None
        self._draft: Draft | None = None
        self._output: Any = None
        self._at, self._first = 0, True
        self._worth = Worth(self.drafter.cost)

    def look(self, run: Decoding) -> tuple[Any, Tensor]:
        if self._draft is None:
            self._draft, self._at = self._guess(run), 0
            if self._draft is None:
                return super().look(run)
            self._output = run.look_ahead(self._draft.tokens)
        after = self._draft.tokens.shape[1] - self._at
        return _before(self._output, after, run), self._output.logits[:, -1 - after]

    def _guess(self, run: Decoding) -> Draft | None:
        first, self._first = self._first, False
        most = run.finish.max_length - run.length - 1
        if run.cache is not None and run.cache.is_endless:
            # Where the oldest tokens make room for the newest, several at a time are not what one at a time are.
            most = min(most, (run.cache.get_max_length() or run.slots) - run.slots)
        return None if first or most < 1 or self._worth.rests() else self.drafter.propose(run, most)

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        draft, at = self._draft, self._at
        if draft is None:
            return self._plain.choose(run, scores)
        drafted = draft.tokens.shape[1]
        if at == drafted:
            tokens, right = self._plain.choose(run, scores).tokens, False
        else:
            tokens, accepted = self._check(draft, run, scores)
            right = bool((accepted | ~run.finish.running).all())
        if right:
            self._at += 1
        else:
            self._draft = self._output = None
            run.rewind(run.length)
            self.drafter.learn(at, drafted)
            self._worth.learn(at, drafted)
        return NextTokens(tokens)

    def _check(self, draft: Draft, run: Decoding, scores: Tensor) -> tuple[Tensor, Tensor]:
        """The next tokens (R,), and where they are the guesses (R,)."""
        guess = draft.tokens[:, self._at]
        weight = self.settings.assistant_ensemble_weight
        if weight is not None and draft.probabilities is not None:
            scores = (weight * scores.softmax(-1) + (1 - weight) * draft.probabilities[:, self._at]).log()
        if not self._draws:
            tokens = self._plain.choose(run, scores).tokens
            return tokens, tokens == guess
        p = scores.softmax(-1)
        if draft.probabilities is None:
            q = torch.zeros_like(p).scatter_(1, guess.unsqueeze(1), 1.0)
        else:
            q = draft.probabilities[:, self._at]
        return accept(p, q, guess, self.generator)

    def end(self, run: Decoding) -> None:
        run.rewind(run.length - 1)


def accept(p: Tensor, q: Tensor, guess: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Draws (R,) from `p` (R, V), given draws `guess` (R,) from `q` (R, V), and where they are the guesses (R,)."""
    column = guess.unsqueeze(1)
    drawn = torch.rand(column.shape, device=p.device, generator=generator, dtype=p.dtype)
    accepted = (drawn * q.gather(1, column) < p.gather(1, column)).squeeze(1)
    rest = (p - q).clamp(min=0)
    rest = torch.where(rest.sum(1, keepdim=True) > 0, rest, p)
    return torch.where(accepted, guess, torch.multinomial(rest, 1, generator=generator).squeeze(1)), accepted


def _before(output: Any, after: int, run: Decoding) -> Any:
    """What the pass recorded for one position, with `after` more behind it, as if it had been the last."""
    if not run.prompt.recorded:
        return output
    return {
        name: tuple(_cut(layer, name, after, run) for layer in layers)
        for name, layers in output.items()
        if name.endswith(("hidden_states", "attentions")) and isinstance(layers, tuple)
    }


def _cut(layer: Tensor, name: str, after: int, run: Decoding) -> Tensor:
    queries = 1 if name.endswith("hidden_states") else 2
    end = layer.shape[queries] - after
    layer = layer.narrow(queries, 0, end) if run.cache is None else layer.narrow(queries, end - 1, 1)
    if queries == 1 or name == "cross_attentions" or layer.shape[3] != run.slots + after:
        return layer
    return layer.narrow(3, 0, layer.shape[3] - after)

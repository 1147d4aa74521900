"""Guesses by a model with another tokenizer: its tokens become text, and the text becomes tokens."""

from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

import torch

from ...core.errors import ArgumentError
from ..call import Call
from ..config import GenerationConfig, resolve
from ..decoding import Decoding
from ..model import GeneratingModel
from ..strategies.greedy import Greedy
from .drafting import Confidence, Draft, Drafter, ModelDrafter, Schedule

Ids = list[int]


class BridgeDrafter(Drafter):
    """Guesses by way of text (Timor et al. 2025, "string-level exact match").

    Texts are cut anew each time from a few tokens back, because where one tokenizer ends a token, the other need not:
    `target_lookbehind` tokens of the model that is helped, `assistant_lookbehind` of the assistant. After a round in which
    nothing was right, the whole text is cut anew.

    Raises:
        ArgumentError: there are several rows, or an encoder, whose input would have to be translated as well.
    """

    def __init__(
        self, run: Decoding, assistant: GeneratingModel, call: Call, schedule: Schedule, confidence: Confidence, cost: float
    ) -> None:
        if run.ids.shape[0] > 1 or run.prompt.encoder_outputs is not None:
            raise ArgumentError(
                "an assistant with another tokenizer continues one text, of a decoder alone; found "
                f"{run.ids.shape[0]} rows and {'an' if run.prompt.encoder_outputs is not None else 'no'} encoder"
            )
        self._tokenizer, self._other = call.tokenizer, call.assistant_tokenizer
        self._behind: int = run.settings.effective("target_lookbehind")
        self._other_behind: int = run.settings.effective("assistant_lookbehind")
        self._other_ids = self._translated(run.ids[0].tolist())
        self._done, self._lost = run.length, False
        room = len(self._other_ids) + 4 * (run.finish.max_length - run.length) + schedule.tokens
        context = assistant.context_length() or room
        if assistant.has_last_position() or len(self._other_ids) < context:
            room = min(room, context)
        settings = resolve({"max_length": room}, GenerationConfig(), None)
        ids = torch.tensor([self._other_ids], device=assistant.device)
        draft = assistant.begin(settings, input_ids=ids)
        vocab = assistant.config.get_text_config(decoder=True).vocab_size
        self._draft = ModelDrafter(draft, Greedy(settings), False, schedule, confidence, cost, vocab)
        self._written = 0
        self.cost = cost

    def propose(self, run: Decoding, most: int) -> Draft | None:
        ids = run.ids[0].tolist()
        before, self._other_ids = self._other_ids, self._follow(ids)
        self._done = len(ids)
        if len(self._other_ids) >= self._draft.run.finish.max_length:
            return None
        known = next((i for i, (old, new) in enumerate(zip(before, self._other_ids, strict=False)) if old != new), len(before))
        known = min(known, len(before), len(self._other_ids) - 1)
        self._draft.follow(torch.tensor([self._other_ids]), known)
        written = self._draft.write(self._draft.schedule.tokens, run.finish.running.to(self._draft.run.ids.device))
        if written is None:
            return None
        new = written.tokens[0].tolist()
        self._written = len(new)
        guess = self._back(ids, new)[:most]
        return Draft(torch.tensor([guess], device=run.ids.device)) if guess else None

    def learn(self, accepted: int, drafted: int) -> None:
        right = accepted * self._written // drafted
        self._lost = accepted == 0
        self._draft.schedule.learn(right, self._written)
        self._draft.confidence.learn(self._draft.sure, right)

    def _follow(self, ids: Ids) -> Ids:
        """The assistant's tokens for `ids`, cut anew where that is needed."""
        if self._lost:
            return self._translated(ids)
        window = _encode(self._other, _decode(self._tokenizer, ids[max(0, self._done - self._behind) :]))
        tail = self._other_ids[-self._other_behind :]
        size, left, right = _longest_run(tail, window)
        return (
            self._other_ids[: len(self._other_ids) - len(tail) + left + size] + window[right + size :]
            if size
            else self._translated(ids)
        )

    def _translated(self, ids: Ids) -> Ids:
        tokens = _encode(self._other, _decode(self._tokenizer, ids))
        first = self._other.bos_token_id
        return tokens if first is None else [first, *tokens]

    def _back(self, ids: Ids, new: Ids) -> Ids:
        """What follows `ids` by the assistant's `new` tokens."""
        window = _encode(self._tokenizer, _decode(self._other, self._other_ids[-self._other_behind :] + new))
        tail = ids[-self._behind :]
        sizes = [(_overlap(tail, window[:end]), end) for end in range(1, len(window) + 1)]
        size, end = max(sizes, key=lambda overlap: overlap[0], default=(0, 0))
        return window[end:] if size else _encode(self._tokenizer, _decode(self._other, new))


def _decode(tokenizer: Any, ids: Ids) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def _encode(tokenizer: Any, text: str) -> Ids:
    ids: Ids = tokenizer.encode(text, add_special_tokens=False) if text else []
    return ids


def _overlap(tail: Ids, window: Ids) -> int:
    """How many tokens the two end in together."""
    pairs = zip(reversed(tail), reversed(window), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _longest_run(left: Ids, right: Ids) -> tuple[int, int, int]:
    """The longest run of tokens in both, the last of equals, and where it begins in each."""
    run = SequenceMatcher(None, left[::-1], right[::-1], autojunk=False).find_longest_match()
    return run.size, len(left) - run.a - run.size, len(right) - run.b - run.size

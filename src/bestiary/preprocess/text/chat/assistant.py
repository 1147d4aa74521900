"""Which parts of a rendered conversation the assistant wrote, found by rendering: for templates that mark nothing.

What a turn adds is what its conversation has more, rendered up to its end, than the same with a generation prompt in its place.
Where a template writes a turn otherwise once others follow (without its thoughts, say), a sign at the end of the turn's text
tells where it stands in the whole.

That renders a conversation several times for each turn. In a long one, signs around the texts of all messages, rendered at
once, tell what its template writes between them: turns with the same before and behind them are found as the first such was.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import jinja2

from ....core.errors import InputError

Span = tuple[int, int]
Message = Mapping[str, Any]
# (messages, whether a generation prompt follows) -> text
Render = Callable[[Sequence[Message], bool], str]

# A generation prompt of which less than this is found in a text is not found in it.
_LEAST = 4
# Of so many turns it pays to render signs around all.
_MANY = 4


def assistant_spans(messages: Sequence[Message], text: str, render: Render, control_tokens: Iterable[str]) -> list[Span]:
    """The spans of `text`, the conversation rendered, that the assistant wrote: the end of its turns with them.

    Args:
        control_tokens: the added tokens; white space behind one that ends a turn is not the assistant's.
    """
    tokens = [token for token in control_tokens if token]
    turns = [turn for turn, message in enumerate(messages) if message.get("role") == "assistant"]
    contents = _contents(messages, text, render, tokens) if len(turns) >= _MANY else [None] * len(messages)
    # What is written around a text -> how far before it a turn begins, and how far behind it one ends.
    known: dict[Any, Span] = {}
    spans: list[Span] = []
    for turn in turns:
        earliest = spans[-1][1] if spans else 0
        content, around = contents[turn], _around(messages, turn, text, contents)
        if content is not None and around in known:
            before, behind = known[around]
            found: Span | None = (max(earliest, content[0] - before), content[1] + behind)
        else:
            found = _Turn(messages, turn, text, render, tokens).span(earliest)
            if found is not None and content is not None and around is not None:
                before, behind = content[0] - found[0], found[1] - content[1]
                if before >= 0 <= behind and found[0] > earliest:
                    known[around] = before, behind
        if found is not None and found[0] < found[1]:
            spans.append(found)
    return spans


def _contents(messages: Sequence[Message], text: str, render: Render, control_tokens: Sequence[str]) -> list[Span | None]:
    """Where in `text` that of each message stands; None where it is not written as it is, or holds a control token."""
    key = secrets.token_hex(8)
    signs = re.compile(f"zQ{key}([be])([0-9]+)z")
    for strip in (False, True):  # as templates do with what stands around a text
        signed = [
            {**message, "content": f"zQ{key}b{number}z{content.strip() if strip else content}zQ{key}e{number}z"}
            if isinstance(content := message.get("content"), str) and content.strip()
            else message
            for number, message in enumerate(messages)
        ]
        try:
            marked = render(signed, False)
        except (InputError, jinja2.TemplateError):
            continue
        pieces = signs.split(marked)  # text, kind, number, text, ...
        if "".join(pieces[::3]) != text:
            continue
        places: dict[tuple[str, str], list[int]] = {}
        for kind, number, place in zip(pieces[1::3], pieces[2::3], accumulate(map(len, pieces[::3])), strict=False):
            places.setdefault((kind, number), []).append(place)
        found: list[Span | None] = []
        for number in map(str, range(len(messages))):
            begins, ends = places.get(("b", number), []), places.get(("e", number), [])
            once = len(begins) == len(ends) == 1
            holds = once and any(token in text[begins[0] : ends[0]] for token in control_tokens)
            found.append((begins[0], ends[0]) if once and not holds else None)
        return found
    return [None] * len(messages)


def _around(messages: Sequence[Message], turn: int, text: str, contents: Sequence[Span | None]) -> Any:
    """What a template writes before and behind the text of a turn, for which messages; None where that is not known."""
    here = contents[turn]
    before = contents[turn - 1] if turn else (0, 0)
    behind = contents[turn + 1] if turn + 1 < len(messages) else (len(text), len(text))
    if here is None or before is None or behind is None:
        return None
    neighbours = messages[max(0, turn - 1) : turn + 2]
    fields = tuple((message.get("role"), *sorted(message)) for message in neighbours)
    return turn == 0, fields, text[before[1] : here[0]], text[here[1] : behind[0]]


class _Turn:
    """Turn `turn` of a conversation that is rendered as `text`."""

    def __init__(
        self, messages: Sequence[Message], turn: int, text: str, render: Render, control_tokens: Sequence[str]
    ) -> None:
        self.messages, self.turn, self.text = messages, turn, text
        self.render, self.control_tokens = render, control_tokens
        self.prompt = self._rendered(messages[:turn], True)
        self.finished = self._rendered(messages[: turn + 1], False)

    def span(self, earliest: int) -> Span | None:
        """Where the assistant wrote, not before `earliest`; None where nothing of the turn was written."""
        prompt, finished, text = self.prompt, self.finished, self.text
        if prompt and finished.startswith(prompt) and text.startswith(finished):
            return self._behind_header(len(prompt)), self._end(len(prompt), len(finished))
        return self._by_sign(earliest)

    def _behind_header(self, begin: int) -> int:
        """Where the content of the turn begins, if its template writes a header there that no generation prompt tells of."""
        message = self.messages[self.turn]
        more = any(message.get(name) for name in ("tool_calls", "reasoning_content", "reasoning", "thinking"))
        if more or self.prompt != self._rendered(self.messages[: self.turn], False):
            return begin
        sign = f"zQ{secrets.token_hex(8)}"
        places = (self._place(signed, sign) for signed in _signed(message, sign, behind=False))
        place = next((each for each in places if each is not None), begin)
        return place if self.text[begin:place].strip() else begin

    def _by_sign(self, earliest: int) -> Span | None:
        sign = f"zQ{secrets.token_hex(8)}"
        for signed in _signed(self.messages[self.turn], sign, behind=True):
            place = self._place(signed, sign)
            if place is not None:
                break
        else:
            return None
        last, _, behind = self._rendered([*self.messages[: self.turn], signed], False).partition(sign)
        begins = _in_common(self.prompt, last)
        start = self._start(place, last[begins:] if self.prompt else "", sign, earliest)
        end = place + _in_common(behind, self.text[place:])
        return max(earliest, start), self._end(place, end)

    def _start(self, place: int, written: str, sign: str, earliest: int) -> int:
        """Where the turn begins whose text, `written` if it is last, ends at `place`."""
        same = _in_common(written[::-1], self.text[earliest:place][::-1])
        if written and same == len(written):
            return place - same
        before = self._rendered(self.messages[: self.turn], False)
        header = self.prompt[len(before) :] if self.prompt.startswith(before) else ""
        for length in range(len(header), min(len(header), _LEAST) - 1, -1):
            at = self.text.rfind(header[:length], earliest, place) if length else -1
            if at >= 0:
                return at + length
        signs = _signed(self.messages[self.turn], sign, behind=False)
        firsts = (self._place(signed, sign) for signed in signs)
        return next((first for first in firsts if first is not None), place - same)

    def _place(self, signed: Message, sign: str) -> int | None:
        """Where in the whole text the sign in this turn stands; None where it is not written as it is."""
        marked = self._rendered([*self.messages[: self.turn], signed, *self.messages[self.turn + 1 :]], False)
        place = marked.find(sign)
        return place if place >= 0 and marked.replace(sign, "") == self.text else None

    def _end(self, begin: int, end: int) -> int:
        """`end` before a control token that it would cut, and before white space behind one."""
        for token in self.control_tokens:
            at = self.text.find(token, max(begin, end - len(token) + 1), end + len(token) - 1)
            if at >= 0 and at < end < at + len(token):
                end = at
        stripped = self.text[begin:end].rstrip()
        return begin + len(stripped) if stripped.endswith(tuple(self.control_tokens)) else end

    def _rendered(self, messages: Sequence[Message], prompted: bool) -> str:
        try:
            return self.render(messages, prompted)
        except (InputError, jinja2.TemplateError):  # a template may refuse the beginning of a conversation
            return ""


def _signed(message: Message, sign: str, behind: bool) -> Iterator[dict[str, Any]]:
    """The message with a sign at the end, or the beginning, of its text; then of its last tool's name."""

    def put(text: str) -> str:
        return text + sign if behind else sign + text

    content, calls = message.get("content"), message.get("tool_calls")
    if isinstance(content, str) and content.strip():
        yield {**message, "content": put(content)}
        yield {**message, "content": put(content.strip())}  # as templates do with what stands around a text
    if isinstance(content, list) and content and isinstance(content[-1], Mapping) and isinstance(content[-1].get("text"), str):
        yield {**message, "content": [*content[:-1], {**content[-1], "text": put(content[-1]["text"])}]}
    if isinstance(calls, list | tuple) and calls and isinstance(calls[-1], Mapping):
        function = calls[-1].get("function")
        if isinstance(function, Mapping):
            call = {**calls[-1], "function": {**function, "name": put(str(function.get("name")))}}
        else:
            call = {**calls[-1], "name": put(str(calls[-1].get("name")))}
        yield {**message, "tool_calls": [*calls[:-1], call]}


def _in_common(first: str, second: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))

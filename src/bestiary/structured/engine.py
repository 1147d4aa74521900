"""What llguidance, the engine, knows of a vocabulary and a text: which tokens may come next."""

import json
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import CapacityError, ConfigError
from ..core.optional import require
from ..preprocess.text.token_bytes import Written, written

# Stands before a text whose first token writes something else than it does later; in no text that a model writes.
_MARK = "\x01"
# Places, and tokens at each, to look at when a vocabulary cannot spell every text.
_SEARCH, _BRANCHES = 2000, 40
# How the engine's error begins where text could go on, but no token of the vocabulary fits.
_NO_TOKEN = "NoExtensionBias"


def engine() -> Any:
    """The package llguidance.

    Raises:
        MissingDependency: it is not installed.
    """
    return require("llguidance", "constraint")


@dataclass
class _Tokens:
    """A vocabulary in the form that the engine asks for."""

    tokens: list[bytes]
    special_token_ids: list[int]
    eos_token_id: int
    bos_token_id: None = None

    def __call__(self, text: bytes) -> list[int]:
        return []  # only for text that is forced without being chosen, which no grammar here asks for


class Vocabulary:
    """A tokenizer as the engine sees it.

    Args:
        size: tokens that the model scores. eos: ids of the end token.
    """

    def __init__(self, tokenizer: Any, size: int, eos: tuple[int, ...]) -> None:
        self.size, self.eos = size, eos
        self.written: Written = written(tokenizer, size)
        texts: list[Any] = list(self.written.after)
        if self.written.first is not None:
            texts += [None if text is None else _MARK.encode() + text for text in self.written.first]
        special = [index for index, text in enumerate(texts) if not text or index in eos]
        for index in special:
            name = tokenizer.rust.main.id_to_token(index) if index < size else None
            texts[index] = (name or f"<unused{index}>").encode()
        wrapped = engine().TokenizerWrapper(_Tokens(texts, special, eos[0]))
        self.tokenizer = engine().LLTokenizer(wrapped, n_vocab=len(texts), eos_token=list(eos))

    def compile(self, grammar: dict[str, Any]) -> "Matcher":
        """A matcher for a constraint's grammar.

        Raises:
            ConfigError: the engine cannot keep it, nothing meets it, or the vocabulary cannot spell it.
        """
        mark = json.dumps(_MARK) + " " if self.written.first is not None else ""
        # Forcing would run ahead over text that leaves no choice, for ever where a grammar has no end.
        outer = f'%llguidance {{"no_forcing": true}}\nstart: {mark}@inner'
        whole = json.dumps({"grammars": [{"lark_grammar": outer}, {**grammar, "name": "inner"}]})
        matcher = Matcher(self, engine().LLMatcher(self.tokenizer, whole, log_level=0))
        if matcher.engine.is_error():
            raise ConfigError(f"the constraint cannot be enforced: {first_line(matcher.engine.get_error())}")
        if not matcher.allowed().any():
            raise ConfigError("the constraint can never be met: no text meets it, or the vocabulary cannot spell one")
        if not self.written.complete() and not _can_end(matcher):
            raise ConfigError("the constraint can never be met with this vocabulary, which cannot spell what it asks for")
        return matcher


@dataclass
class Matcher:
    """One row's place in a constraint, after so many tokens `consumed`."""

    vocabulary: Vocabulary
    engine: Any
    consumed: int = 0

    def allowed(self) -> np.ndarray:
        """Which tokens may come next, booleans (V,); an end token only where the text is whole."""
        size, vocabulary = self.vocabulary.size, self.vocabulary
        mask = np.frombuffer(self.engine.compute_bitmask(), dtype=np.uint8)
        if self.engine.is_error():
            if self.engine.get_error().split(maxsplit=1)[0] == _NO_TOKEN:
                return np.zeros(size, dtype=np.bool_)
            raise CapacityError(f"the constraint cannot be followed any further: {first_line(self.engine.get_error())}")
        bits = np.unpackbits(mask, bitorder="little").view(np.bool_)
        first = self.consumed == 0 and vocabulary.written.first is not None
        allowed = bits[size : 2 * size].copy() if first else bits[:size].copy()
        allowed[list(vocabulary.eos)] = self.whole()
        return allowed

    def whole(self) -> bool:
        """Whether the text so far meets the constraint."""
        return bool(self.engine.is_accepting())

    def take(self, token: int) -> bool:
        """Go on over `token`; False, and nothing happens, where it may not come next."""
        first = self.consumed == 0 and self.vocabulary.written.first is not None
        if self.engine.try_consume_tokens([token + self.vocabulary.size if first else token]) != 1:
            return False
        self.consumed += 1
        return True

    def back(self, tokens: int) -> None:
        """Go back over the last `tokens`."""
        if tokens:
            self.engine.rollback(tokens)
            self.consumed -= tokens

    def copy(self) -> "Matcher":
        """The same place, for another row."""
        return Matcher(self.vocabulary, self.engine.deep_copy(), self.consumed)


def _can_end(start: Matcher) -> bool:
    """Whether some text meets the constraint: False only where a search of all of them, within bounds, finds none."""
    stack, bounded = [start.copy()], False
    for _ in range(_SEARCH):
        if not stack:
            return bounded
        matcher = stack.pop()
        if matcher.whole():
            return True
        texts, eos = matcher.vocabulary.written.after, matcher.vocabulary.eos
        tokens = [token for token in np.flatnonzero(matcher.allowed()).tolist() if token not in eos]
        # Last in, first out, so what is tried first comes last.
        tokens.sort(key=lambda token: _rank(texts[token] or b""), reverse=True)
        bounded = bounded or len(tokens) > _BRANCHES
        for token in tokens[-_BRANCHES:]:
            following = matcher.copy()
            following.take(token)
            stack.append(following)
    return True


def _rank(text: bytes) -> int:
    """What to try first on the way to an end: what closes a part, then other signs, then letters."""
    return 0 if set(text) & set(b'"]}') else 1 if not text.strip().isalnum() else 2


def first_line(message: str) -> str:
    """What the engine says is wrong, without the drawings of the place."""
    head, _, error = message.split("\n\n")[0].partition("\nerror: ")
    return " ".join((f"{head.splitlines()[0]} {error.splitlines()[0]}" if error else head).split())


_vocabularies: "weakref.WeakKeyDictionary[Any, dict[Any, Vocabulary]]" = weakref.WeakKeyDictionary()


def vocabulary(tokenizer: Any, size: int, eos: tuple[int, ...]) -> Vocabulary:
    """The vocabulary of `tokenizer`, made once and kept as long as it is."""
    vocabularies = _vocabularies.setdefault(tokenizer, {})
    key = (size, eos, len(tokenizer))
    if key not in vocabularies:
        vocabularies[key] = Vocabulary(tokenizer, size, eos)
    return vocabularies[key]

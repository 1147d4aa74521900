"""The forms that users write: a JSON schema, a pattern, a list of choices, a grammar. llguidance (`engine.py`) keeps them."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError, ConfigError
from ..core.texts import is_whole
from . import schema as json_schema
from .engine import engine, first_line


class OutputConstraint(ABC):
    """A form that the text of the new tokens has when a row ends by itself (its finish reason is then "eos")."""

    @abstractmethod
    def grammar(self) -> dict[str, Any]:
        """The form in the engine's words.

        Raises:
            ConfigError: it cannot be kept, or never be met.
        """

    def check(self) -> None:
        """See before a model is opened that the form is one that can be kept.

        Raises:
            ConfigError: it is none. What depends on a vocabulary shows later.
        """
        message = engine().LLMatcher.validate_grammar(json.dumps({"grammars": [self.grammar()]}))
        if message:
            raise ConfigError(f"the constraint cannot be enforced: {first_line(message)}")


@dataclass(frozen=True)
class JsonSchema(OutputConstraint):
    """A JSON text that a schema (draft 2020-12) allows; properties come in the order of the schema.

    Every keyword is kept or refused, none is passed over: `schema.KEYWORDS` lists those that can be kept, where the engine
    can. Property names outside of `properties` may be repeated, as JSON has it.

    Args:
        schema: the schema; `{}` or True allows any JSON.
        whitespace: pattern of what may stand between parts, None for nothing. The default allows lines and indents.
    """

    schema: Mapping[str, Any] | bool
    whitespace: str | None = r"[\x20\x0A\x0D\x09]{1,24}"

    def grammar(self) -> dict[str, Any]:
        schema: Any = {} if self.schema is True else self.schema
        json_schema.check(schema)
        # Escapes as \u0061 would let another spelling of a named property pass for an additional one.
        options = {"lenient": False, "coerce_one_of": False, "json_allowed_escapes": 'nrbtf\\"'}
        spaces = {"whitespace_flexible": False} if self.whitespace is None else {"whitespace_pattern": self.whitespace}
        return _first(engine().LLMatcher.grammar_from_json_schema(dict(schema), overrides={**options, **spaces}))


@dataclass(frozen=True)
class Regex(OutputConstraint):
    """A text that matches `pattern` from its first to its last character (without look-around and back-references)."""

    pattern: str | re.Pattern[str]

    def __post_init__(self) -> None:
        _check_text("a Regex", self.pattern.pattern if isinstance(self.pattern, re.Pattern) else self.pattern)

    def grammar(self) -> dict[str, Any]:
        pattern = self.pattern
        if isinstance(pattern, re.Pattern):
            if pattern.flags & ~re.UNICODE:
                raise ConfigError(f"{pattern!r} carries flags; write them into the pattern, as in (?i)")
            pattern = pattern.pattern
        return _first(engine().LLMatcher.grammar_from_regex(pattern))


@dataclass(frozen=True, init=False)
class Choice(OutputConstraint):
    """One of `choices`, texts of which none is repeated."""

    choices: tuple[str, ...]

    def __init__(self, choices: Any) -> None:
        texts = (choices,) if isinstance(choices, str) else tuple(choices) if isinstance(choices, Iterable) else ()
        if not texts:
            raise ConfigError(f"choices are {choices!r:.80}; expected at least one text")
        for text in texts:
            _check_text("a Choice", text)
        object.__setattr__(self, "choices", texts)

    def grammar(self) -> dict[str, Any]:
        return {"lark_grammar": "start: " + " | ".join(json.dumps(text, ensure_ascii=False) for text in self.choices)}


@dataclass(frozen=True)
class Grammar(OutputConstraint):
    """A context-free grammar in Lark's notation, as llguidance reads it; `start` is the rule of the whole text."""

    text: str

    def __post_init__(self) -> None:
        _check_text("a Grammar", self.text)

    def grammar(self) -> dict[str, Any]:
        return {"lark_grammar": self.text}


def _first(grammars: str) -> dict[str, Any]:
    grammar: dict[str, Any] = json.loads(grammars)["grammars"][0]
    return grammar


def _check_text(what: str, text: Any) -> None:
    if not isinstance(text, str):
        raise ConfigError(f"{what} is made of {text!r:.60}; expected a text")
    if not is_whole(text):
        raise ConfigError(f"{what} holds half a character (a surrogate): {text!r:.60}")


def as_constraint(constraint: Any) -> OutputConstraint:
    """`constraint`: a constraint, a dictionary (a JSON schema) or a compiled pattern.

    Raises:
        ArgumentError: it is none of these.
    """
    if isinstance(constraint, OutputConstraint):
        return constraint
    if isinstance(constraint, Mapping):
        return JsonSchema(constraint)
    if isinstance(constraint, re.Pattern):
        return Regex(constraint)
    raise ArgumentError(
        f"constraint is {constraint!r:.80}; expected JsonSchema, Regex, Choice or Grammar, a dictionary (a JSON schema), or a "
        "list with one of these, or None, for each prompt"
    )

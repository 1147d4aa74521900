"""Forms of answers as grammars of llguidance, the engine that says which tokens may come next. No torch is needed."""

import json
from typing import Any

from ..core.optional import require


def engine() -> Any:
    """The package llguidance.

    Raises:
        MissingDependency: it is not installed.
    """
    return require("llguidance", "constraint")


def json_grammar(schema: dict[str, Any], whitespace: str | None) -> dict[str, Any]:
    """A JSON schema for the engine."""
    # Escapes as \u0061 would let another spelling of a named property pass for an additional one.
    options = {"lenient": False, "coerce_one_of": False, "json_allowed_escapes": 'nrbtf\\"'}
    spaces = {"whitespace_flexible": False} if whitespace is None else {"whitespace_pattern": whitespace}
    text = engine().LLMatcher.grammar_from_json_schema(schema, overrides={**options, **spaces})
    grammar: dict[str, Any] = json.loads(text)["grammars"][0]
    return grammar


def regex_grammar(pattern: str) -> dict[str, Any]:
    """A regular expression for the engine."""
    grammar: dict[str, Any] = json.loads(engine().LLMatcher.grammar_from_regex(pattern))["grammars"][0]
    return grammar


def choice_grammar(choices: tuple[str, ...]) -> dict[str, Any]:
    """Texts for the engine."""
    return {"lark_grammar": "start: " + " | ".join(json.dumps(text, ensure_ascii=False) for text in choices)}

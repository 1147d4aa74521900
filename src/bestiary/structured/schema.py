"""What of a JSON schema can be kept, and whether anything meets it. The rest is refused, never passed over."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.errors import ConfigError, did_you_mean
from ..core.texts import is_whole

_ONE = frozenset({"additionalProperties", "additionalItems", "items"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_PLAIN = frozenset(
    {
        "$ref", "type", "const", "enum", "required", "minItems", "maxItems", "minProperties", "maxProperties", "minLength",
        "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    }
)  # fmt: skip
# These say nothing about what is valid.
_NOTES = frozenset(
    {
        "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "discriminator",
        "$schema", "$id", "$anchor", "$comment", "$vocabulary",
    }
)  # fmt: skip
# Known to JSON Schema, and beyond the engine.
UNSUPPORTED = frozenset(
    {
        "not", "if", "then", "else", "contains", "minContains", "maxContains", "uniqueItems", "propertyNames",
        "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedItems", "unevaluatedProperties", "contentEncoding",
        "contentMediaType", "contentSchema", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "nullable",
    }
)  # fmt: skip
KEYWORDS = _ONE | _LISTS | _MAPS | _PLAIN

# Formats of texts; other formats are for other libraries.
FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"})

# What the value of a keyword has to be, where the rest relies on it.
_KINDS: dict[str, tuple[type[Any], str]] = {
    **dict.fromkeys(("$ref", "pattern", "format"), (str, "a text")),
    **dict.fromkeys((*_LISTS, "enum", "required"), (list, "a list")),
    **dict.fromkeys(_MAPS, (Mapping, "a dictionary")),
}
_DEEPEST = 200  # levels of a schema
_LARGEST = 2**63  # of the engine's numbers
_WRITABLE = frozenset("\b\t\n\f\r")  # of the control characters; the engine leaves others out of a text

_LEAST, _MOST = ("minLength", "minItems", "minProperties"), ("maxLength", "maxItems", "maxProperties")


def check(schema: Any) -> None:
    """Refuse a schema that cannot be kept to the letter, or that nothing meets.

    Raises:
        ConfigError: with the place, as a JSON pointer.
    """
    if not isinstance(schema, Mapping):
        problem = "nothing meets it" if schema is False else "expected a dictionary"
        raise ConfigError(f"the JSON schema is {schema!r:.60}: {problem}")
    _check_plain(schema)
    parts = dict(_parts(schema, "#"))
    for place, part in parts.items():
        _check_part(part, place)
    met: set[str] = set()  # the places of schemas that a finite value meets, as far as references and what is required say
    while more := {place for place, part in parts.items() if place not in met and _ends(part, place, met, parts)}:
        met |= more
    if "#" not in met:
        raise ConfigError("the JSON schema requires a value inside itself without end: nothing meets it")


def _check_plain(schema: Mapping[str, Any]) -> None:
    """Refuse what JSON cannot hold or the engine cannot write; what it cannot hold would become another value on the way."""
    left: list[tuple[Any, str, bool, int]] = [(schema, "#", False, 0)]
    while left:
        value, place, literal, depth = left.pop()
        if depth > _DEEPEST:
            raise ConfigError(f"the JSON schema is nested deeper than {_DEEPEST} levels, or holds itself ({place[:60]}...)")
        if isinstance(value, Mapping):
            for name, item in value.items():
                if not isinstance(name, str):
                    raise ConfigError(f"{place} of the JSON schema has the key {name!r:.60}; expected a text")
                left.append((name, place, literal or place.endswith("/properties"), depth))
                below = literal or name in ("const", "enum", "required")
                left.append((item, f"{place}/{_escaped(name)}", below, depth + 1))
        elif isinstance(value, list):
            left += ((item, f"{place}/{index}", literal, depth + 1) for index, item in enumerate(value))
        elif isinstance(value, str):
            _check_text(value, place, literal)
        elif value is not None and not isinstance(value, bool | int | float):
            raise ConfigError(
                f"{place} of the JSON schema is a {type(value).__name__} ({value!r:.60}), which JSON does not have"
            )
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise ConfigError(f"{place} of the JSON schema is {value!r:.60}; expected a whole number of at most 64 bits")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{place} of the JSON schema is {value}; expected a finite number")


def _check_text(text: str, place: str, literal: bool) -> None:
    controls = (char for char in text if (char < " " and char not in _WRITABLE) or char == "\x7f")
    wrong = next(controls, "") if literal else ""
    if wrong or not is_whole(text):
        what = f"the control character {wrong!r}" if wrong else "half a character (a surrogate)"
        raise ConfigError(f"{place} of the JSON schema holds {what}, which cannot be written: {text!r:.60}")


def _parts(schema: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema within `schema`, itself first, with its place."""
    if not isinstance(schema, Mapping):
        return
    yield place, schema
    for name, value in schema.items():
        here = f"{place}/{_escaped(name)}"
        below: dict[str, Any] = {here: value} if name in _ONE else {}
        if name in _MAPS and isinstance(value, Mapping):
            below = {f"{here}/{_escaped(key)}": part for key, part in value.items()}
        elif isinstance(value, list) and (name in _LISTS or name == "items"):
            below = {f"{here}/{index}": part for index, part in enumerate(value)}
        for inner, part in below.items():
            yield from _parts(part, inner)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _check_part(part: Mapping[str, Any], place: str) -> None:
    for name, value in part.items():
        if name in UNSUPPORTED:
            raise ConfigError(f"{place} of the JSON schema has {name!r:.80}, which cannot be enforced; leave it out")
        if name not in KEYWORDS | _NOTES:
            near = did_you_mean(name, sorted(KEYWORDS | UNSUPPORTED))
            raise ConfigError(f"{place} of the JSON schema has {name!r:.80}, which is no keyword of draft 2020-12.{near}")
        kind, expected = _KINDS.get(name, (object, ""))
        if not isinstance(value, kind):
            raise ConfigError(f"{place}/{name} of the JSON schema is {value!r:.60}; expected {expected}")
        if name == "required" and any(not isinstance(one, str) for one in value):
            raise ConfigError(f"{place}/required of the JSON schema is {value!r:.60}; expected names of properties")
        if name in _LEAST + _MOST and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ConfigError(f"{place}/{name} of the JSON schema is {value!r}; expected a whole number of at least 0")
        if name in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
            raise ConfigError(f"{place}/{name} of the JSON schema is {value}, as in draft 4; expected a number")
    kinds = part.get("type", "string")
    text = "string" in kinds if isinstance(kinds, list) else kinds == "string"
    if "format" in part and not (text and part["format"] in FORMATS):
        raise ConfigError(
            f"{place}/format of the JSON schema is {part['format']!r} for {kinds}, which cannot be enforced; for texts there "
            f"are {', '.join(sorted(FORMATS))}"
        )
    named = {*part.get("properties", ()), *part.get("required", ())}
    if part.get("minProperties", 0) > max(1, len(named)):
        raise ConfigError(
            f"{place}/minProperties of the JSON schema is {part['minProperties']}, more than {len(named)} named properties: "
            "it cannot be enforced that other names differ"
        )


def _ends(part: Mapping[str, Any], place: str, met: set[str], parts: Mapping[str, Any]) -> bool:
    """Whether a finite value meets the schema `part` at `place`, if one meets each of `met`."""

    def ends(below: str, value: Any = None) -> bool:
        return value is True or below in met or (below not in parts and value is not False)

    if "$ref" in part and part["$ref"].startswith("#") and not ends(part["$ref"]):
        return False
    for name in ("anyOf", "oneOf"):
        if name in part and not any(ends(f"{place}/{name}/{index}", one) for index, one in enumerate(part[name])):
            return False
    if not all(ends(f"{place}/allOf/{index}", one) for index, one in enumerate(part.get("allOf", ()))):
        return False
    kinds = part.get("type")
    if kinds == "object":
        properties = part.get("properties", {})
        needed = [name for name in part.get("required", ()) if name in properties]
        return all(ends(f"{place}/properties/{_escaped(name)}", properties[name]) for name in needed)
    if kinds == "array" and part.get("minItems", 0) > len(part.get("prefixItems", ())):
        return ends(f"{place}/items", part.get("items", True))
    return True

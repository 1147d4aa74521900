"""A Python function as a tool for a model: its JSON schema, read from its type hints and its docstring."""

import inspect
import json
import re
import types
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ....core.errors import DocstringParsingException, TypeHintParsingException

_SIMPLE = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object", type(None): "null"}
_SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Examples?):\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)(?:\s*\([^)]*\))?:[ \t]*", re.MULTILINE)
_CHOICES = re.compile(r"\(choices:\s*(.*?)\)\s*$", re.DOTALL)


def get_json_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """The schema of a function whose parameters have type hints and are described under `Args:` of its docstring.

    A description that ends in `(choices: [...])`, a list of JSON, says which values there are.

    Raises:
        DocstringParsingException: it has no docstring, an argument is not described there, or its choices are no list.
        TypeHintParsingException: a type hint is missing, or no JSON schema says the same.
    """
    name = getattr(function, "__name__", repr(function))
    text = inspect.getdoc(function)
    if not text:
        raise DocstringParsingException(
            f"the tool {name} has no docstring; its description and its arguments are read from there"
        )
    description, arguments, returns = _read(text)
    parameters = _parameters(function, name)
    for argument, schema in parameters["properties"].items():
        if argument not in arguments:
            raise DocstringParsingException(
                f"the tool {name} does not describe its argument {argument!r} under 'Args:' of its docstring"
            )
        meaning = arguments[argument]
        choices = _CHOICES.search(meaning)
        if choices:
            schema["enum"] = _choices(choices.group(1), argument, name)
            meaning = meaning[: choices.start()].strip()
        schema["description"] = meaning
    result = {"name": name, "description": description, "parameters": parameters}
    hint = get_type_hints(function).get("return")
    if hint is not None:
        result["return"] = _schema(hint, name) | ({"description": returns} if returns else {})
    return {"type": "function", "function": result}


def _choices(text: str, argument: str, name: str) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, list):
        raise DocstringParsingException(
            f"the tool {name} describes the choices of its argument {argument!r} with {text!r:.80}; expected a list of JSON, as"
            ' in (choices: ["a", "b"])'
        )
    return values


def _parameters(function: Callable[..., Any], name: str) -> dict[str, Any]:
    hints = get_type_hints(function)
    properties, required = {}, []
    for argument, parameter in inspect.signature(function).parameters.items():
        if argument == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if argument not in hints:
            raise TypeHintParsingException(f"the tool {name} has no type hint for its argument {argument!r}")
        properties[argument] = _schema(hints[argument], name)
        if parameter.default is parameter.empty:
            required.append(argument)
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _schema(hint: Any, name: str) -> dict[str, Any]:
    """The JSON schema of a type hint."""
    if hint is Any:
        return {}
    if hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union([part for part in inner if part is not type(None)], type(None) in inner, name)
    if origin is Literal:
        return _one_of(inner, hint, name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _one_of([member.value for member in hint], hint, name)
    if hint is list or origin is list:
        return {"type": "array", **({"items": _schema(inner[0], name)} if inner else {})}
    if hint is tuple or origin is tuple:
        return {"type": "array", **({"prefixItems": [_schema(part, name) for part in inner]} if inner else {})}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(inner[1], name)}
    raise TypeHintParsingException(
        f"the tool {name} uses the type {hint!r}, for which there is no JSON schema; expected numbers, texts, bool, Enum,"
        " Literal, and lists, tuples, dictionaries and unions of these, or pass the schema itself in place of the function"
    )


def _one_of(values: Iterable[Any], hint: Any, name: str) -> dict[str, Any]:
    """The schema of a choice among plain values."""
    listed = list(values)
    if not listed or not all(type(value) in (int, float, str, bool, type(None)) for value in listed):
        raise TypeHintParsingException(
            f"the tool {name} offers with {hint!r} a choice among {listed!r:.80}; expected numbers, texts, true, false or None"
        )
    kinds = list(dict.fromkeys(_SIMPLE[type(value)] for value in listed))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": listed}


def _union(parts: list[Any], nullable: bool, name: str) -> dict[str, Any]:
    schemas = [_schema(part, name) for part in parts]
    if len(schemas) == 1:
        merged = schemas[0]
    elif all(isinstance(schema.get("type"), str) and len(schema) == 1 for schema in schemas):
        merged = {"type": sorted(schema["type"] for schema in schemas)}
    else:
        merged = {"anyOf": schemas}
    return merged | ({"nullable": True} if nullable else {})


def _read(text: str) -> tuple[str, dict[str, str], str]:
    """Description, arguments and result of a docstring in Google's form."""
    pieces = _SECTION.split(text)
    sections = {title.rstrip("s"): body for title, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    body = inspect.cleandoc("\n" + sections.get("Arg", sections.get("Argument", "")))
    parts = _ARGUMENT.split(body)
    arguments = {name: " ".join(meaning.split()) for name, meaning in zip(parts[1::2], parts[2::2], strict=True)}
    return pieces[0].strip(), arguments, sections.get("Return", "").strip()

"""Answers in a given form: `generate(..., constraint=...)` with a JSON schema, a pattern, a list of choices or a grammar."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(__name__, {"forms": ["Choice", "Grammar", "JsonSchema", "OutputConstraint", "Regex"]})

"""What adapters ask of the rules by which weights of files become those of modules.

Modules are named here as their files are, so no architecture has rules, and adapters for the published names fit as they are.
"""

from typing import Any

_MODEL_TO_CONVERSION_PATTERN: dict[str, str] = {}


def get_checkpoint_conversion_mapping(model_type: str) -> None:
    """None: no architecture has rules."""


def get_model_conversion_mapping(model: Any, **options: Any) -> list[Any]:
    """The same for a model."""
    return []


def dot_natural_key(s: str) -> list[tuple[int | str, ...]]:
    """What sorts names of weights in the order of their numbers: layers.2 before layers.10, shard_2 before shard_11."""
    key: list[tuple[int | str, ...]] = []
    for part in s.split("."):
        text = part.rstrip("0123456789")
        number = (int(part[len(text) :]),) if text != part else ()
        key.append((1, text, *number) if text else (0, *number) if number else (1, text))
    return key

"""A mapping from config classes to classes as code of others makes one of names (`transformers.models.auto.auto_factory`)."""

import sys
from collections.abc import Mapping
from typing import Any

from ..auto.mappings import ClassMapping, NameMapping
from ..modeling.families import class_named


class LazyAutoMapping(ClassMapping):
    """Config class -> the public class whose name `model_mapping` has for its model_type, imported when it is asked for.

    Args:
        config_mapping: model_type -> the name of its config class; other types are not here. model_mapping: model_type -> name.
    """

    def __init__(self, config_mapping: Mapping[str, str], model_mapping: Mapping[str, str]) -> None:
        names = {model_type: name for model_type, name in model_mapping.items() if model_type in config_mapping}
        super().__init__(NameMapping(names.get), lambda model_type: class_named(names[model_type]))


def getattribute_from_module(module: Any, attr: Any) -> Any:
    """What `module`, or else the library, has under the name `attr`; of several names a tuple, of None None.

    Raises:
        ValueError: neither has it.
    """
    if attr is None:
        return None
    if isinstance(attr, tuple):
        return tuple(getattribute_from_module(module, each) for each in attr)
    for place in (module, sys.modules[__package__.partition(".")[0]]):
        if (found := getattr(place, attr, None)) is not None:  # modules of anybody
            return found
    raise ValueError(f"there is no {attr} in {module}, nor in the library itself")


def auto_class_update(cls: type, checkpoint_for_example_docstring: str = "", head_doc: str = "") -> type:
    """`cls`, an automatic class with a `_model_mapping` of its own, with a docstring where it has none.

    Args:
        head_doc: what its models have at their end. checkpoint_for_example_docstring: the one of the example.
    """
    if not cls.__doc__:
        with_head = f" with a head for {head_doc}" if head_doc else ""
        example = f", as in {cls.__name__}.from_pretrained({checkpoint_for_example_docstring!r})"
        cls.__doc__ = f"Opens models{with_head}{example if checkpoint_for_example_docstring else ''}."
    return cls

"""A mapping from config classes to classes as code of others makes one of names (`transformers.models.auto.auto_factory`)."""

from collections.abc import Mapping

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

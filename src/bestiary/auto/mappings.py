"""Mappings from model types to names of classes, and from config classes to classes, read from the families when asked."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from ..core.errors import ArgumentError, ConfigError, UnknownArchitecture
from ..modeling.config import PreTrainedConfig
from ..modeling.families import config_classes, families, family, preprocessor_of, registered, tasks_of

# Types that the published tables of models list for a task which their families do not name: model_type -> task of theirs.
# Task -> types whose head for it is the one they were pretrained with; a head for pretraining alone is the task "pretraining".
_PRETRAINED_BY = {
    "causal-lm": """
        bloom exaone4 falcon_mamba gpt2 gpt_bigcode mamba mamba2 rwkv
    """,
    "masked-lm": """
        camembert data2vec_text longformer roberta xlm_roberta xlm_roberta_xl
    """,
    "seq2seq-lm": """
        fsmt nllb_moe switch_transformers t5 t5gemma
    """,
}
# Types whose backbone is an encoder of text; a class for it alone is the task "text-encoding".
_TEXT_ENCODERS = """
albert bert big_bird data2vec_text deberta deberta_v2 distilbert electra longformer mobilebert reformer roberta roformer
xlm_roberta xlm_roberta_xl
"""

PRETRAINED_BY = {model_type: task for task, types in _PRETRAINED_BY.items() for model_type in types.split()}
TEXT_ENCODERS = dict.fromkeys(_TEXT_ENCODERS.split(), "base")


@cache
def types_of_families() -> dict[str, type[PreTrainedConfig]]:
    """model_type -> config class, of all families and their parts, whose configs are imported for it."""
    declared = [config for name in families() for config in config_classes(family(name)).values()]
    return {config.model_type: config for config in declared}


class NameMapping(Mapping[str, str]):
    """model_type -> the name of its class; a lookup imports one family, iteration all of their configs.

    Args:
        name_of: gives the name for a model_type, or None where it has no such class.
    """

    def __init__(self, name_of: Callable[[str], str | None]) -> None:
        self._name_of = name_of

    def __getitem__(self, model_type: str) -> str:
        try:
            name = self._name_of(model_type)
        except UnknownArchitecture:
            name = None
        if name is None:
            raise KeyError(model_type)
        return name

    def __iter__(self) -> Iterator[str]:
        return (model_type for model_type in types_of_families() if model_type in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class ClassMapping(Mapping[type[PreTrainedConfig], Any]):
    """Config class -> the class that belongs to it, imported when it is asked for.

    Args:
        names: model_type -> the name of that class. class_of: gives the class of a model_type that `names` holds.
    """

    def __init__(self, names: NameMapping, class_of: Callable[[str], Any]) -> None:
        self.names, self._class_of = names, class_of
        self._registered: dict[type[PreTrainedConfig], Any] = {}

    def __getitem__(self, config: type[PreTrainedConfig]) -> Any:
        if config in self._registered:
            return self._registered[config]
        model_type = getattr(config, "model_type", "")  # a key may be any class
        if model_type in registered or model_type not in self.names:
            raise KeyError(config)
        return self._class_of(model_type)

    def __iter__(self) -> Iterator[type[PreTrainedConfig]]:
        yield from (config for config in types_of_families().values() if config in self and config not in self._registered)
        yield from self._registered

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def registered_as(self, name: str) -> Any:
        """The class called `name` among those registered in this process, or None."""
        return next((kind for kind in self._registered.values() if kind.__name__ == name), None)

    def register(self, key: type[PreTrainedConfig], value: Any, exist_ok: bool = False) -> None:
        """Let configs of the class `key` lead to `value` in this process; what was registered for it before is replaced.

        Raises:
            ConfigError: a family here has `key` and leads somewhere already, and `exist_ok` is not set.
            ArgumentError: `key` is no class of configs, or `value` no class.
        """
        if not isinstance(key, type) or not issubclass(key, PreTrainedConfig) or not isinstance(value, type):
            raise ArgumentError(
                f"register got {key!r:.80} and {value!r:.80}; expected a class of configs, and the class for it"
            )
        if not exist_ok and key not in self._registered and key in types_of_families().values() and key in self:
            raise ConfigError(f"{key.__name__} is registered already, with {self[key]}; pass exist_ok=True to replace it")
        self._registered[key] = value

    def is_registered(self, key: Any) -> bool:
        """Whether `register` was told of the class `key`."""
        return key in self._registered


def models_of(names: NameMapping) -> ClassMapping:
    """Config class -> the model class that its family publishes under the name which `names` holds."""
    return ClassMapping(names, lambda model_type: getattr(family(model_type), names[model_type]))


def names_by_task(*tasks: str, further: dict[str, str] | None = None) -> NameMapping:
    """model_type -> the name of the model class of the first of `tasks` that the type has.

    Args:
        further: model_type, spelled as folders are -> another task, whose class serves where the type has none of `tasks`.
    """

    def name_of(model_type: str) -> str | None:
        names, other = tasks_of(model_type), (further or {}).get(model_type.replace("-", "_"), "")
        return next((names[task] for task in (*tasks, other) if task in names), None)

    return NameMapping(name_of)


def preprocessors_of(kind: str) -> ClassMapping:
    """Config class -> the class of the `kind` ("tokenizer", ...) of preprocessor that its family names, maybe a relative's."""
    names = NameMapping(lambda model_type: vars(family(model_type)).get("PREPROCESSORS", {}).get(kind))
    return ClassMapping(names, lambda model_type: preprocessor_of(model_type, kind))

"""The published tables of classes (`MODEL_FOR_CAUSAL_LM_MAPPING`, `CONFIG_MAPPING_NAMES`, ...), views of what families declare.

Those of models follow from the automatic classes: `AutoModelForMaskedLM` gives `MODEL_FOR_MASKED_LM_MAPPING` and, with names
instead of classes, `MODEL_FOR_MASKED_LM_MAPPING_NAMES`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.errors import UnknownArchitecture
from ..modeling.config import PreTrainedConfig
from ..modeling.families import class_named, config_class, family, registered
from . import models
from .config import AutoConfig
from .mappings import NameMapping, models_of, names_by_task, types_of_families
from .preprocessors import AutoFeatureExtractor, AutoImageProcessor, AutoProcessor, AutoTokenizer, AutoVideoProcessor

# The middle of a table's name, where it does not follow from that of the automatic class.
_MIDDLES = {
    "AutoModel": "",
    "AutoModelForPreTraining": "_FOR_PRETRAINING",
    "AutoModelForSeq2SeqLM": "_FOR_SEQ_TO_SEQ_CAUSAL_LM",
    "AutoModelForSpeechSeq2Seq": "_FOR_SPEECH_SEQ_2_SEQ",
    "AutoBackbone": "_FOR_BACKBONE",
}
# Published tables of tasks that no automatic class serves.
_FURTHER_TASKS = ("causal-image-modeling", "retrieval", "time-series-classification", "time-series-regression")


class ConfigMapping(Mapping[str, type[PreTrainedConfig]]):
    """model_type -> config class, of families and of what `AutoConfig.register` was told."""

    def __getitem__(self, model_type: str) -> type[PreTrainedConfig]:
        try:
            return config_class(model_type)
        except UnknownArchitecture as error:
            raise KeyError(model_type) from error

    def __iter__(self) -> Iterator[str]:
        return iter({**types_of_families(), **registered})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def register(self, key: str, value: type[PreTrainedConfig], exist_ok: bool = False) -> None:
        """`AutoConfig.register`."""
        AutoConfig.register(key, value, exist_ok)


class BackendMapping(Mapping[Any, dict[str, Any]]):
    """Key -> what `mapping` holds for it, for each published backend of image processors: they are one class here."""

    def __init__(self, mapping: Mapping[Any, Any]) -> None:
        self._mapping = mapping

    def __getitem__(self, key: Any) -> dict[str, Any]:
        return dict.fromkeys(("pil", "torchvision"), self._mapping[key])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping)

    def __len__(self) -> int:
        return len(self._mapping)

    def register(self, key: type[PreTrainedConfig], value: Any, exist_ok: bool = False) -> None:
        """`AutoImageProcessor.register`."""
        AutoImageProcessor.register(key, value, exist_ok)


def _middle(name: str) -> str:
    """`AutoModelForMaskedLM` -> `_FOR_MASKED_LM`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix("AutoModelFor"))
    return _MIDDLES.get(name, f"_FOR_{words.upper()}")


def _image_models() -> NameMapping:
    """The backbones of families whose only input are images: they have an image processor or a backbone, no tokenizer."""
    base = models.AutoModel.mapping.names

    def name_of(model_type: str) -> str | None:
        kinds, tasks = (vars(family(model_type)).get(name, {}) for name in ("PREPROCESSORS", "TASKS"))
        sees = "image_processor" in kinds or (not kinds and tasks.get("backbone", tasks["base"]) != tasks["base"])
        return base.get(model_type) if sees and "tokenizer" not in kinds else None

    return NameMapping(name_of)


_MODELS = {
    f"MODEL{_middle(name)}": value.mapping
    for name, value in vars(models).items()
    if name.startswith("Auto") and issubclass(value, models.AutoModelClass) and value is not models.AutoModelClass
}
_CLASSES = {
    **_MODELS,
    **{f"MODEL_FOR_{task.upper().replace('-', '_')}": models_of(names_by_task(task)) for task in _FURTHER_TASKS},
    "MODEL_FOR_IMAGE": models_of(_image_models()),
    "TOKENIZER": AutoTokenizer.mapping,
    "FEATURE_EXTRACTOR": AutoFeatureExtractor.mapping,
    "PROCESSOR": AutoProcessor.mapping,
    "VIDEO_PROCESSOR": AutoVideoProcessor.mapping,
}
_TABLES: dict[str, Any] = {
    **{f"{name}_MAPPING": mapping for name, mapping in _CLASSES.items()},
    **{f"{name}_MAPPING_NAMES": mapping.names for name, mapping in _CLASSES.items()},
    "MODEL_FOR_AUDIO_TOKENIZATION_NAMES": _CLASSES["MODEL_FOR_AUDIO_TOKENIZATION"].names,
    "IMAGE_PROCESSOR_MAPPING": BackendMapping(AutoImageProcessor.mapping),
    "IMAGE_PROCESSOR_MAPPING_NAMES": BackendMapping(AutoImageProcessor.mapping.names),
    "CONFIG_MAPPING": ConfigMapping(),
    "CONFIG_MAPPING_NAMES": NameMapping(lambda model_type: config_class(model_type).__name__),
}


def __getattr__(name: str) -> Any:
    if name not in _TABLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _TABLES[name]


def __dir__() -> list[str]:
    return sorted({*_TABLES, *(name for name in globals() if not name.startswith("_"))})


def get_values(model_mapping: Mapping[type[PreTrainedConfig], Any]) -> list[Any]:
    """The classes of a table."""
    return list(model_mapping.values())


def model_type_to_module_name(key: str) -> str:
    """The folder of `models` that has the type `key`; for an unknown type, its name as folders spell it."""
    try:
        return family(key).__name__.rpartition(".")[2]
    except UnknownArchitecture:
        return key.replace("-", "_")


def config_class_to_model_type(config: str) -> str | None:
    """The model_type of the config class called `config`, or None."""
    kind = class_named(config)
    return kind.model_type if isinstance(kind, type) and issubclass(kind, PreTrainedConfig) else None


def tokenizer_class_from_name(class_name: str) -> Any:
    """The tokenizer class of this name, or None."""
    from ..preprocess.text.tokenizer import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast if class_name in AutoTokenizer.general else class_named(class_name)

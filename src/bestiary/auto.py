"""A name or folder becomes classes: `model_type` finds the family, the task finds the class in its `TASKS`."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from .core.errors import ArgumentError, ConfigError, UnknownArchitecture, UnsafeFile
from .core.files import read_json
from .hub.files import HubOptions, file_itself, find_file, get_file
from .modeling.config import PreTrainedConfig
from .modeling.families import (
    class_named,
    config_class,
    families,
    family,
    preprocessor_of,
    registered,
    tasks_of,
    type_of_class,
)

if TYPE_CHECKING:
    from .modeling.base import PreTrainedModel


class AutoConfig:
    """The right config class for a checkpoint."""

    @staticmethod
    def for_model(model_type: str, **values: Any) -> PreTrainedConfig:
        """A config of the type `model_type` with these values."""
        return config_class(model_type)(**values)

    @staticmethod
    def from_pretrained(name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Read config.json and build the config that its `model_type` names; keywords override its values.

        Raises:
            UnknownArchitecture: no such `model_type`. UnsafeFile: it could only be opened by code in the checkpoint.
            ConfigError: the file names no `model_type`.
        """
        kwargs.pop("trust_remote_code", None)
        options, rest = HubOptions.split(kwargs)
        path = file_itself(name_or_path) or get_file(name_or_path, PreTrainedConfig.file_name, options)
        values = PreTrainedConfig.get_dict(path)
        model_type = values.get("model_type")
        if model_type is None:  # files of 2019; some name the class of the model
            classes = values.get("architectures")
            types = (type_of_class(name) for name in (classes if isinstance(classes, list) else ()) if isinstance(name, str))
            model_type = next(filter(None, types), None)
        if not isinstance(model_type, str) or not model_type:
            raise ConfigError(
                f"config.json of {name_or_path} names no model_type, so no family can be chosen; add one (such as"
                ' "model_type": "bert"), or open the checkpoint with the classes of its family (BertModel, BertTokenizer)'
            )
        try:
            kind = config_class(model_type)
        except UnknownArchitecture as error:
            if "auto_map" in values:
                raise UnsafeFile(
                    f"{name_or_path} ({model_type!r}) can only be opened by code it carries ({values['auto_map']}); code"
                    " from a checkpoint is never run. Read it, import it yourself, and register its classes with"
                    " AutoConfig.register and AutoModel.register"
                ) from error
            raise
        found = kind.from_pretrained(path, **rest)
        config: PreTrainedConfig = found[0] if isinstance(found, tuple) else found
        config.__dict__["_name_or_path"] = str(name_or_path)
        return found

    @staticmethod
    def register(model_type: str, config: type[PreTrainedConfig], exist_ok: bool = False) -> None:
        """Make `model_type` known in this process."""
        if config.model_type != model_type:
            raise ConfigError(f"{config.__name__}.model_type is {config.model_type!r}, registered as {model_type!r}")
        if not exist_ok and (model_type in registered or model_type in families()):
            raise ConfigError(f"model_type {model_type!r} is taken; pass exist_ok=True to replace it")
        registered[model_type] = config


class _AutoModel:
    """Base of the automatic model classes; a subclass names the tasks it serves, the first that a family has is used."""

    tasks: ClassVar[tuple[str, ...]]
    _registered: ClassVar[dict[type[PreTrainedConfig], Any]]

    def __init_subclass__(cls) -> None:
        cls._registered = {}

    def __init__(self) -> None:
        name = type(self).__name__
        raise ArgumentError(f"{name} is not built itself; use {name}.from_pretrained(...) or {name}.from_config(config)")

    @classmethod
    def class_for(cls, config: PreTrainedConfig) -> "type[PreTrainedModel]":
        """The model class of this task for `config`.

        Raises:
            UnknownArchitecture: the family has no class for the task; says which tasks it has.
        """
        if type(config) in cls._registered:
            registered: type[PreTrainedModel] = cls._registered[type(config)]
            return registered
        tasks = tasks_of(config.model_type)
        for task in cls.tasks:
            if task in tasks:
                found: type[PreTrainedModel] = getattr(family(config.model_type), tasks[task])
                return found
        raise UnknownArchitecture(
            f"{config.model_type} has no model for {cls.__name__} ({' or '.join(cls.tasks)}); it has {', '.join(tasks)}"
        )

    @classmethod
    def from_config(cls, config: PreTrainedConfig, **kwargs: Any) -> Any:
        """A model with fresh weights."""
        return cls.class_for(config).from_config(config, **kwargs)

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *model_args: Any, config: Any = None, **kwargs: Any) -> Any:
        """Open the checkpoint with the class that its config and this task choose; keywords as `PreTrainedModel`'s."""
        if isinstance(kwargs.get("trust_remote_code"), bool):
            del kwargs["trust_remote_code"]
        if not isinstance(config, PreTrainedConfig):
            hub, _ = HubOptions.split(kwargs)
            config = AutoConfig.from_pretrained(config or name_or_path, **vars(hub))
        return cls.class_for(config).from_pretrained(name_or_path, *model_args, config=config, **kwargs)

    @classmethod
    def register(cls, config: type[PreTrainedConfig], model: Any, exist_ok: bool = False) -> None:
        """Use `model` for configs of the class `config` in this process."""
        if config in cls._registered and not exist_ok:
            raise ConfigError(f"{config.__name__} is registered already; pass exist_ok=True to replace it")
        cls._registered[config] = model


class AutoModel(_AutoModel):
    """The backbone of a checkpoint."""

    tasks = ("base",)


class AutoModelForPreTraining(_AutoModel):
    """The model with the heads it was pretrained with."""

    tasks = ("pretraining", "masked-lm", "causal-lm", "seq2seq-lm", "masked-image-modeling", "speech-seq2seq")


class AutoModelForCausalLM(_AutoModel):
    """Predicts the next token."""

    tasks = ("causal-lm",)


class AutoModelForMaskedLM(_AutoModel):
    """Fills masked tokens."""

    tasks = ("masked-lm",)


class AutoModelForSeq2SeqLM(_AutoModel):
    """Turns one text into another."""

    tasks = ("seq2seq-lm",)


class AutoModelWithLMHead(_AutoModel):
    """The older name for whatever language model a checkpoint holds."""

    tasks = ("causal-lm", "masked-lm", "seq2seq-lm", "speech-seq2seq")


class AutoModelForSequenceClassification(_AutoModel):
    """Classifies a text."""

    tasks = ("sequence-classification",)


class AutoModelForTokenClassification(_AutoModel):
    """Labels each token."""

    tasks = ("token-classification",)


class AutoModelForQuestionAnswering(_AutoModel):
    """Marks the answer in a text."""

    tasks = ("question-answering",)


class AutoModelForMultipleChoice(_AutoModel):
    """Chooses among continuations."""

    tasks = ("multiple-choice",)


class AutoModelForNextSentencePrediction(_AutoModel):
    """Tells whether one sentence follows another."""

    tasks = ("next-sentence-prediction",)


class AutoModelForTextEncoding(_AutoModel):
    """The text encoder of a checkpoint."""

    tasks = ("text-encoding", "base")


class AutoModelForImageClassification(_AutoModel):
    """Classifies an image."""

    tasks = ("image-classification",)


class AutoModelForMaskedImageModeling(_AutoModel):
    """Fills masked patches."""

    tasks = ("masked-image-modeling",)


class AutoModelForZeroShotImageClassification(_AutoModel):
    """Matches images with texts."""

    tasks = ("zero-shot-image-classification",)


class AutoModelForSpeechSeq2Seq(_AutoModel):
    """Turns speech into text with an encoder and a decoder."""

    tasks = ("speech-seq2seq",)


class AutoModelForAudioClassification(_AutoModel):
    """Classifies audio."""

    tasks = ("audio-classification",)


def _stored_class(name_or_path: Any, options: HubOptions, file: str, key: str) -> str | None:
    """The class name that `file` of a checkpoint holds under `key`, or None."""
    path = find_file(name_or_path, file, options)
    values = read_json(path) if path is not None else {}
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, str) else None


class _AutoPreprocessor:
    """Base of the automatic preprocessors: by the class name stored in their own file, else by the model's family."""

    kind: ClassVar[str]
    places: ClassVar[tuple[tuple[str, str], ...]]  # (file, key) where the class name may stand
    # Names that stand for any tokenizer: a tokenizer.json beside them says everything, whatever the family's own class adds.
    general: ClassVar[tuple[str, ...]] = ()
    _registered: ClassVar[dict[type[PreTrainedConfig], Any]]

    def __init_subclass__(cls) -> None:
        cls._registered = {}

    def __init__(self) -> None:
        raise ArgumentError(f"{type(self).__name__} is not built itself; use {type(self).__name__}.from_pretrained(...)")

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions) -> Any:
        """A class that needs no family, for checkpoints that name none; None when there is no such thing."""
        return None

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        """What a class named in a file must be for this to open it."""
        from .preprocess.processor import KINDS

        return (KINDS[cls.kind][0],)

    @classmethod
    def class_for(cls, name_or_path: Any, options: HubOptions = HubOptions()) -> Any:
        """The class that opens this checkpoint's preprocessor.

        Raises:
            UnknownArchitecture: neither a stored class name nor the model's family gives one, or the name is of another kind.
        """
        stored = [name for place in cls.places if (name := _stored_class(name_or_path, options, *place))]
        if stored and stored[0] in cls.general and find_file(name_or_path, "tokenizer.json", options) is not None:
            return cls.generic(name_or_path, options)
        known = [kind for name in stored if isinstance(kind := class_named(name), type)]
        for kind in known:
            if issubclass(kind, cls.kinds()):
                return kind
        if known:
            raise UnknownArchitecture(f"{cls.__name__} cannot open {name_or_path}: its files belong to {_belonging(known[0])}")
        try:
            config = _config_or_none(name_or_path, options)
        except (ConfigError, UnknownArchitecture):
            if (generic := cls.generic(name_or_path, options)) is not None:
                return generic  # a model that is not known here may have a tokenizer that is
            raise
        if config is not None and type(config) in cls._registered:
            return cls._registered[type(config)]
        if config is not None and config.model_type not in registered:
            preprocessor = preprocessor_of(config.model_type, cls.kind)
            if preprocessor is not None:
                return preprocessor
        generic = cls.generic(name_or_path, options)
        if generic is not None:
            return generic
        what = f"found the class name {stored[0]!r}, which no family has" if stored else "no file names its class"
        for place in AutoImageProcessor.places:
            other = class_named(_stored_class(name_or_path, options, *place) or "")
            what = f"its files belong to {_belonging(other)}" if isinstance(other, type) else what
        files = ", ".join(dict.fromkeys([*(file for file, _ in cls.places), "config.json"]))
        raise UnknownArchitecture(f"{cls.__name__} cannot open {name_or_path}: {what} (looked in {files})")

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Open the preprocessor of a checkpoint with the class that belongs to it."""
        kwargs = {name: value for name, value in kwargs.items() if name not in ("trust_remote_code", "use_fast", "config")}
        options, _ = HubOptions.split(kwargs)
        return cls.class_for(name_or_path, options).from_pretrained(name_or_path, *args, **kwargs)

    @classmethod
    def register(cls, config: type[PreTrainedConfig], preprocessor: Any, exist_ok: bool = False) -> None:
        """Use `preprocessor` for models whose config is of the class `config`, in this process."""
        if config in cls._registered and not exist_ok:
            raise ConfigError(f"{config.__name__} is registered already; pass exist_ok=True to replace it")
        cls._registered[config] = preprocessor


def _belonging(kind: Any) -> str:
    """`a ViTImageProcessor, which AutoImageProcessor opens`."""
    openers = [
        each.__name__ for each in (AutoTokenizer, AutoImageProcessor, AutoFeatureExtractor) if each.kinds()[0] in kind.__mro__
    ]
    return f"a {kind.__name__}" + (f", which {openers[0]} opens" if openers else "")


def _config_or_none(name_or_path: Any, options: HubOptions) -> Any:
    """The model's config; files of a subfolder without one belong to the model of the checkpoint itself."""
    for place in (options, replace(options, subfolder="")) if options.subfolder else (options,):
        if find_file(name_or_path, PreTrainedConfig.file_name, place) is not None:
            return AutoConfig.from_pretrained(name_or_path, **vars(place))
    return None


class AutoTokenizer(_AutoPreprocessor):
    """The tokenizer of a checkpoint; a tokenizer.json, or a sentencepiece or tiktoken model, opens whatever the family."""

    kind = "tokenizer"
    places = (("tokenizer_config.json", "tokenizer_class"), ("config.json", "tokenizer_class"))

    general = ("PreTrainedTokenizerFast", "PreTrainedTokenizer", "PreTrainedTokenizerBase", "TokenizersBackend")

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions) -> Any:
        from .preprocess.text.tokenizer import PreTrainedTokenizerFast

        for names in PreTrainedTokenizerFast.vocab_files_names.values():
            for name in (names,) if isinstance(names, str) else names:
                if find_file(name_or_path, name, options) is not None:
                    return PreTrainedTokenizerFast
        return None


class AutoImageProcessor(_AutoPreprocessor):
    """The image processor of a checkpoint."""

    kind = "image_processor"
    places = (
        ("preprocessor_config.json", "image_processor_type"),
        ("preprocessor_config.json", "feature_extractor_type"),
    )


class AutoFeatureExtractor(_AutoPreprocessor):
    """The feature extractor of a checkpoint (audio; for older image checkpoints the image processor, then named so)."""

    kind = "feature_extractor"
    places = (("preprocessor_config.json", "feature_extractor_type"),)

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        from .preprocess.processor import KINDS

        return (KINDS["feature_extractor"][0], KINDS["image_processor"][0])


class AutoProcessor(_AutoPreprocessor):
    """The processor of a checkpoint: the bundle of a multimodal model, or the one preprocessor a model has."""

    kind = "processor"
    places = (
        ("processor_config.json", "processor_class"),
        ("preprocessor_config.json", "processor_class"),
        ("tokenizer_config.json", "processor_class"),
    )

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        from .preprocess.processor import KINDS, ProcessorMixin

        return (ProcessorMixin, *(kind for kind, *_ in KINDS.values()))

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions) -> Any:
        for single in (AutoTokenizer, AutoImageProcessor, AutoFeatureExtractor):
            try:
                return single.class_for(name_or_path, options)
            except UnknownArchitecture:
                continue
        return None

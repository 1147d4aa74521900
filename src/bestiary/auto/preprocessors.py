"""Automatic preprocessors: the class named in their own file opens them, else the one that the family of the model names."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ..core.errors import ArgumentError, BestiaryError, ConfigError, UnknownArchitecture, UnsafeFile
from ..core.files import read_json
from ..core.signatures import is_of_the_library
from ..hub.code.files import ClassReference, class_named_for
from ..hub.code.opening import open_class
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions, find_file, gguf_itself, gguf_place
from ..hub.options import NameOrPath
from ..modeling.config import PreTrainedConfig
from ..modeling.families import class_named, preprocessor_of
from .config import AutoConfig
from .mappings import ClassMapping, preprocessors_of

if TYPE_CHECKING:
    from ..preprocess.audio.extractor import FeatureExtractionMixin  # noqa: F401 (these are used in texts)
    from ..preprocess.image.base import BaseImageProcessor  # noqa: F401
    from ..preprocess.processor import ProcessorMixin  # noqa: F401
    from ..preprocess.text.tokenizer import PreTrainedTokenizerFast
    from ..preprocess.video.base import BaseVideoProcessor  # noqa: F401

PROCESSOR_FILE = "processor_config.json"

# What a class opens, as checkers see it: the usual kind. Older image checkpoints name an image processor feature extractor,
# and AutoProcessor opens the one preprocessor of a model that has no bundle.
Opened = TypeVar("Opened")


def _settings(name_or_path: Any, options: HubOptions, file: str) -> dict[str, Any]:
    """The content of `file` of a checkpoint; {} where it is no table, or there is none."""
    path = find_file(name_or_path, file, options)
    values = read_json(path) if path is not None else {}
    return values if isinstance(values, dict) else {}


def _stored_class(name_or_path: Any, options: HubOptions, file: str, key: str) -> str | None:
    """The class name that `file` of a checkpoint holds under `key`, or None."""
    name = _settings(name_or_path, options, file).get(key)
    return name if isinstance(name, str) and name else None


class _AutoPreprocessor(Generic[Opened]):
    """Base of the automatic preprocessors: by the class name stored in their own file, else by the model's family."""

    kind: ClassVar[str]
    places: ClassVar[tuple[tuple[str, str], ...]]  # (file, key) where the class name may stand
    # Names that stand for any tokenizer: a tokenizer.json beside them says everything, whatever the family's own class adds.
    general: ClassVar[tuple[str, ...]] = ()
    mapping: ClassVar[ClassMapping]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.mapping = preprocessors_of(cls.kind)

    def __init__(self) -> None:
        raise ArgumentError(f"{type(self).__name__} is not built itself; use {type(self).__name__}.from_pretrained(...)")

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions, code: CodeOptions) -> Any:
        """A class that needs no family, for checkpoints that name none; None when this kind of preprocessor has none."""
        return None

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        """What a class named in a file must be for this to open it."""
        from ..preprocess.processor import KINDS

        return (KINDS[cls.kind][0],)

    @classmethod
    def class_for(cls, name_or_path: Any, options: HubOptions = HubOptions(), code: CodeOptions = CodeOptions()) -> Any:
        """The class that opens this checkpoint's preprocessor; where the caller allows code of the checkpoint, the one in it.

        A class from outside of this library, which `register` was told of, goes first.

        Raises:
            UnknownArchitecture: neither a stored class name nor the model's family gives one, or the name is of another kind.
            UnsafeFile: only code of the checkpoint has one, and the caller has not allowed it.
        """
        reference = cls._in_code(name_or_path, options)
        if reference is None:
            return cls._class_here(name_or_path, options, code)
        try:
            here = cls._class_here(name_or_path, options, code, guess=False)
        except BestiaryError:
            here = None
        if here is not None and not (code.trust_remote_code and is_of_the_library(here)):
            return here
        kind: Any = open_class(name_or_path, reference, options, code)
        kind.register_for_auto_class()
        return kind

    @classmethod
    def _in_code(cls, name_or_path: Any, options: HubOptions) -> ClassReference | None:
        """The class in the checkpoint's own code, as the first of its files says that names one."""
        for file in dict.fromkeys([*(file for file, _ in cls.places), PreTrainedConfig.file_name]):
            values = _settings(name_or_path, options, file)
            if (reference := class_named_for(values, cls.__name__, str(name_or_path))) is not None:
                return reference
        return None

    @classmethod
    def _class_here(cls, name_or_path: Any, options: HubOptions, code: CodeOptions, guess: bool = True) -> Any:
        """The class of this library, or one that was registered; with `guess` also one for files that name none.

        Raises:
            UnknownArchitecture: there is none.
        """
        class_names = [name for place in cls.places if (name := _stored_class(name_or_path, options, *place))]
        nested = _settings(name_or_path, options, PROCESSOR_FILE).get(cls.kind)  # what a processor saved inside its own file
        if isinstance(nested, dict) and isinstance(nested.get(f"{cls.kind}_type"), str):
            class_names.insert(0, nested[f"{cls.kind}_type"])
        if class_names and class_names[0] in cls.general and find_file(name_or_path, "tokenizer.json", options) is not None:
            return cls.generic(name_or_path, options, code)
        named = [class_named(name) or cls.mapping.registered_as(name) for name in class_names]
        classes = [kind for kind in named if isinstance(kind, type)]
        for kind in classes:
            if issubclass(kind, cls.kinds()):
                return kind
        if classes:
            raise UnknownArchitecture(
                f"{cls.__name__} cannot open {name_or_path}: its files belong to {_belonging(classes[0])}"
            )
        try:
            config = _config_or_none(name_or_path, options, code)
        except (ConfigError, UnknownArchitecture, UnsafeFile):
            if guess and (generic := cls.generic(name_or_path, options, code)) is not None:
                return generic  # a model that is not known here may have a tokenizer that is
            raise
        if config is not None and (preprocessor := cls.mapping.get(type(config))) is not None:
            return preprocessor
        if guess and (generic := cls.generic(name_or_path, options, code)) is not None:
            return generic
        what = f"found the class name {class_names[0]!r:.80}, which no family has" if class_names else "no file names its class"
        for place in AutoImageProcessor.places:
            name = _stored_class(name_or_path, options, *place)
            other = class_named(name) if name else None
            what = f"its files belong to {_belonging(other)}" if isinstance(other, type) else what
        files = ", ".join(dict.fromkeys([*(file for file, _ in cls.places), "config.json"]))
        raise UnknownArchitecture(f"{cls.__name__} cannot open {name_or_path}: {what} (looked in {files})")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: NameOrPath, *args: Any, **kwargs: Any) -> Opened:
        """Open the preprocessor of a checkpoint with the class that belongs to it."""
        code, kwargs = CodeOptions.split({name: value for name, value in kwargs.items() if name != "config"})
        options, _ = HubOptions.split(kwargs)
        further = code.said() if code.trust_remote_code else {}
        preprocessor: Opened = cls.class_for(pretrained_model_name_or_path, options, code).from_pretrained(
            pretrained_model_name_or_path, *args, **further, **kwargs
        )
        return preprocessor

    @classmethod
    def _register(cls, config_class: type[PreTrainedConfig], classes: tuple[Any, ...], exist_ok: bool) -> None:
        """Use the first of `classes` that is not None for models whose config is of `config_class`, in this process."""
        preprocessor = next((each for each in classes if each is not None), None)
        if preprocessor is None:
            raise ArgumentError(f"{cls.__name__}.register got no class to use for {config_class.__name__}; pass one")
        cls.mapping.register(config_class, preprocessor, exist_ok)


def _belonging(kind: Any) -> str:
    """`a ViTImageProcessor, which AutoImageProcessor opens`."""
    openers = [
        each.__name__
        for each in (AutoTokenizer, AutoVideoProcessor, AutoImageProcessor, AutoFeatureExtractor)
        if each.kinds()[0] in kind.__mro__
    ]
    return f"a {kind.__name__}" + (f", which {openers[0]} opens" if openers else "")


def _config_or_none(name_or_path: Any, options: HubOptions, code: CodeOptions) -> Any:
    """The model's config; files of a subfolder without one belong to the model of the checkpoint itself."""
    for place in (options, replace(options, subfolder="")) if options.subfolder else (options,):
        if find_file(name_or_path, PreTrainedConfig.file_name, place) is not None:
            return AutoConfig.from_pretrained(name_or_path, **vars(place), **vars(code))
    return None


class AutoTokenizer(_AutoPreprocessor["PreTrainedTokenizerFast"]):
    """The tokenizer of a checkpoint; a tokenizer.json, or a sentencepiece or tiktoken model, opens whatever the family."""

    kind = "tokenizer"
    places = (("tokenizer_config.json", "tokenizer_class"), ("config.json", "tokenizer_class"))

    general = ("PreTrainedTokenizerFast", "PreTrainedTokenizer", "PreTrainedTokenizerBase", "TokenizersBackend")

    @classmethod
    def register(
        cls,
        config_class: type[PreTrainedConfig],
        tokenizer_class: Any = None,
        slow_tokenizer_class: Any = None,
        fast_tokenizer_class: Any = None,
        exist_ok: bool = False,
    ) -> None:
        """Use `tokenizer_class` (else the fast, else the slow one) for models of `config_class`, in this process."""
        cls._register(config_class, (tokenizer_class, fast_tokenizer_class, slow_tokenizer_class), exist_ok)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath, *inputs: Any, tokenizer_type: str | None = None, **kwargs: Any
    ) -> "PreTrainedTokenizerFast":
        """Open the tokenizer of a checkpoint with the class that belongs to it, or that models of `tokenizer_type` have.

        Raises:
            UnknownArchitecture: no model of `tokenizer_type` has a tokenizer here.
        """
        options, _ = HubOptions.split(kwargs)
        _, source = gguf_place(pretrained_model_name_or_path, kwargs.get("gguf_file"), options)
        if tokenizer_type is None and (file := gguf_itself(source)) is not None:
            kwargs = {name: value for name, value in kwargs.items() if name not in ("config", "gguf_file")}
            of_file: PreTrainedTokenizerFast = cls._of_gguf(file).from_pretrained(file, *inputs, **kwargs)
            return of_file
        if tokenizer_type is None:
            return super().from_pretrained(pretrained_model_name_or_path, *inputs, **kwargs)
        kind = preprocessor_of(tokenizer_type, cls.kind)
        if kind is None:
            raise UnknownArchitecture(f"models of tokenizer_type {tokenizer_type!r:.80} have no tokenizer; name another type")
        kwargs = {name: value for name, value in kwargs.items() if name != "config"}
        tokenizer: PreTrainedTokenizerFast = kind.from_pretrained(pretrained_model_name_or_path, *inputs, **kwargs)
        return tokenizer

    @classmethod
    def _of_gguf(cls, file: Path) -> Any:
        """The class for the tokenizer in a GGUF file: the family's, where it is one of its own kind."""
        from ..preprocess.text.tokenizer import PreTrainedTokenizerFast

        try:
            kind = cls.mapping.get(type(AutoConfig.from_pretrained(file)))
        except UnknownArchitecture:  # a model that is not known here may have a tokenizer that is
            kind = None
        named_alike = kind is None or kind.__name__ in ("LlamaTokenizer", "BloomTokenizer")
        return PreTrainedTokenizerFast if named_alike else kind

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions, code: CodeOptions) -> Any:
        from ..preprocess.text.tokenizer import PreTrainedTokenizerFast

        for names in PreTrainedTokenizerFast.vocab_files_names.values():
            for name in (names,) if isinstance(names, str) else names:
                if find_file(name_or_path, name, options) is not None:
                    return PreTrainedTokenizerFast
        return None


class AutoImageProcessor(_AutoPreprocessor["BaseImageProcessor"]):
    """The image processor of a checkpoint."""

    kind = "image_processor"
    places = (
        ("preprocessor_config.json", "image_processor_type"),
        ("preprocessor_config.json", "feature_extractor_type"),
    )

    @classmethod
    def register(
        cls,
        config_class: type[PreTrainedConfig],
        slow_image_processor_class: Any = None,
        fast_image_processor_class: Any = None,
        image_processor_classes: Mapping[str, Any] | None = None,
        exist_ok: bool = False,
    ) -> None:
        """Use one of these classes for models of `config_class`, in this process; of several the one that works on PIL images.

        Args:
            image_processor_classes: what an image is worked on with ("pil", "torchvision") -> class.
        """
        by_backend = image_processor_classes or {}
        classes = (by_backend.get("pil"), slow_image_processor_class, fast_image_processor_class, *by_backend.values())
        cls._register(config_class, classes, exist_ok)


class AutoVideoProcessor(_AutoPreprocessor["BaseVideoProcessor"]):
    """The video processor of a checkpoint; older ones of models of films have an image processor, whose settings it takes."""

    kind = "video_processor"
    places = (
        ("video_preprocessor_config.json", "video_processor_type"),
        ("preprocessor_config.json", "video_processor_type"),
    )

    @classmethod
    def register(cls, config_class: type[PreTrainedConfig], video_processor_class: Any, exist_ok: bool = False) -> None:
        """Use `video_processor_class` for models of `config_class`, in this process."""
        cls._register(config_class, (video_processor_class,), exist_ok)


class AutoFeatureExtractor(_AutoPreprocessor["FeatureExtractionMixin"]):
    """The feature extractor of a checkpoint (audio; for older image checkpoints the image processor, then named so)."""

    kind = "feature_extractor"
    places = (("preprocessor_config.json", "feature_extractor_type"),)

    @classmethod
    def register(cls, config_class: type[PreTrainedConfig], feature_extractor_class: Any, exist_ok: bool = False) -> None:
        """Use `feature_extractor_class` for models of `config_class`, in this process."""
        cls._register(config_class, (feature_extractor_class,), exist_ok)

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        from ..preprocess.processor import KINDS

        return (KINDS["feature_extractor"][0], KINDS["image_processor"][0])


class AutoProcessor(_AutoPreprocessor["ProcessorMixin"]):
    """The processor of a checkpoint: the bundle of a multimodal model, or the one preprocessor a model has."""

    kind = "processor"
    places = (
        ("processor_config.json", "processor_class"),
        ("preprocessor_config.json", "processor_class"),
        ("tokenizer_config.json", "processor_class"),
    )

    @classmethod
    def register(cls, config_class: type[PreTrainedConfig], processor_class: Any, exist_ok: bool = False) -> None:
        """Use `processor_class` for models of `config_class`, in this process."""
        cls._register(config_class, (processor_class,), exist_ok)

    @classmethod
    def kinds(cls) -> tuple[type, ...]:
        from ..preprocess.processor import KINDS, ProcessorMixin

        return (ProcessorMixin, *(kind for kind, *_ in KINDS.values()))

    @classmethod
    def generic(cls, name_or_path: Any, options: HubOptions, code: CodeOptions) -> Any:
        for single in (AutoTokenizer, AutoImageProcessor, AutoVideoProcessor, AutoFeatureExtractor):
            try:
                return single.class_for(name_or_path, options, code)
            except UnknownArchitecture:
                continue
        return None

"""A processor: the preprocessors of a model of several kinds of input, called as one. A family names its parts."""

import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from inspect import Parameter
from typing import Any, ClassVar, Self

from ..core.errors import ArgumentError, CorruptFile, InputError
from ..core.files import folder_to_fill, read_json, write_json
from ..core.logging import warn_once
from ..core.signatures import is_of_the_library, showing, showing_options_of, undecorated
from ..hub.code.options import CodeOptions
from ..hub.code.saving import registers_for, save_code
from ..hub.files import HubOptions, find_file, refuse
from ..hub.push import PushToHubMixin, uploader
from .audio.extractor import FeatureExtractionMixin
from .batch import BatchFeature
from .call_options import ProcessingKwargs
from .image.base import BaseImageProcessor
from .part import PROCESSOR_FILE, Preprocessor
from .routing import merged_by_kind, routed
from .text.base import PreTrainedTokenizerBase
from .video.base import BaseVideoProcessor

# What each kind of part is, which input it takes, and under which name options reach it alone.
KINDS: dict[str, tuple[type, str, str]] = {
    "image_processor": (BaseImageProcessor, "images", "images_kwargs"),
    "video_processor": (BaseVideoProcessor, "videos", "videos_kwargs"),
    "feature_extractor": (FeatureExtractionMixin, "audio", "audio_kwargs"),
    "tokenizer": (PreTrainedTokenizerBase, "text", "text_kwargs"),
}


class ProcessorMixin(PushToHubMixin):
    """The parts of a processor by name, opened, saved and called together.

    Class attributes:
        parts: name of a part (a key of `KINDS`) -> its class in this family; inputs given by position follow this order.
        text_is_label: whether text beside another input is what the model shall answer; its ids are then `labels`.
        settings: further values of the family with their defaults, stored in `processor_config.json`.
        opener: gives what opens a part of a user's processor, from the part's name and the classes that are named for it.

    A processor that a user writes has as parts those named in `attributes`, else the parameters of its constructor that are
    keys of `KINDS`, else those with a class attribute such as `tokenizer_class = "AutoTokenizer"`. Further parameters of the
    constructor are its settings.

    Example:
        class CLIPProcessor(ProcessorMixin):
            parts = {"image_processor": CLIPImageProcessor, "tokenizer": CLIPTokenizer}
    """

    parts: ClassVar[dict[str, Any]] = {}
    text_is_label: ClassVar[bool] = False
    settings: ClassVar[dict[str, Any]] = {}
    opener: ClassVar[Callable[[str, tuple[str, ...]], Any] | None] = None
    valid_processor_kwargs: ClassVar[Any] = ProcessingKwargs
    _auto_class: ClassVar[str | None] = None  # what `register_for_auto_class` was told
    register_for_auto_class = registers_for("AutoProcessor")

    image_processor: Any
    video_processor: Any
    feature_extractor: Any
    tokenizer: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "parts" not in vars(cls):
            cls.parts = _parts_of(cls) or cls.parts
        if is_of_the_library(cls.__init__):
            further = [
                *(Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in cls.settings.items()),
                Parameter("chat_template", Parameter.KEYWORD_ONLY, default=None),
                Parameter("named", Parameter.VAR_KEYWORD),
            ]
            cls.__init__ = showing(undecorated(cls.__init__), [*_by_place(cls.parts), *further])  # type: ignore[method-assign]
        if is_of_the_library(cls.__call__):
            inputs = [KINDS[part][1] for part in cls.parts]
            cls.__call__ = showing(  # type: ignore[method-assign]
                undecorated(cls.__call__), [*_by_place(inputs), Parameter("options", Parameter.VAR_KEYWORD)]
            )

    def __init__(self, *parts: Any, chat_template: str | None = None, **named: Any) -> None:
        """The parts by position or by name, then settings of the family.

        Raises:
            ArgumentError: a part is missing, given twice, or of the wrong kind; a keyword that does not exist.
        """
        name = type(self).__name__
        if len(parts) > len(self.parts):
            raise ArgumentError(f"{name} has {len(self.parts)} parts ({', '.join(self.parts)}), {len(parts)} were given")
        values = dict(zip(self.parts, parts, strict=False))
        if twice := values.keys() & named.keys():
            raise ArgumentError(f"{name} was given {', '.join(twice)} twice, by position and by name")
        values |= named
        for part in self.parts:
            if not isinstance(values.get(part), KINDS[part][0]):
                raise ArgumentError(
                    f"{name} needs a {KINDS[part][0].__name__} as {part}, not {type(values.get(part)).__name__}"
                )
            self.__dict__[part] = values.pop(part)
        refuse({key: value for key, value in values.items() if key not in self.settings}, name)
        self.stored = {**self.settings, **values}
        if chat_template is not None:
            self.chat_template = chat_template

    @property
    def chat_template(self) -> Any:
        """The chat template of the tokenizer."""
        return self.tokenizer.chat_template

    @chat_template.setter
    def chat_template(self, value: Any) -> None:
        self.tokenizer.chat_template = value

    @property
    def model_input_names(self) -> list[str]:
        """What a model may take from the result."""
        names = [name for part in self.parts for name in self.__dict__[part].model_input_names]
        return [name for name in names if name not in self.unused_input_names]

    @classmethod
    def get_attributes(cls) -> list[str]:
        """Names of the parts."""
        return list(cls.parts)

    @property
    def unused_input_names(self) -> list[str]:
        """Names of the parts' outputs that a model does not take; a subclass lists them."""
        return []

    # Calling

    def __call__(self, *inputs: Any, **options: Any) -> BatchFeature:
        """Features of the inputs `images`, `audio`, `text`, by name or in the order of `parts`.

        Every option goes to each part that knows it; `images_kwargs`, `audio_kwargs`, `videos_kwargs` and `text_kwargs`
        (dictionaries) reach one part alone, if there is such a part, `common_kwargs` all of them. Parts without an input stay
        silent.

        Raises:
            InputError: nothing was given, or a part cannot use its input.
            ArgumentError: an option that comes twice, for one part and by itself.

        An option that no part knows changes nothing, and a warning says so.
        """
        order = [KINDS[part][1] for part in self.parts]
        if len(inputs) > len(order):
            raise ArgumentError(f"{type(self).__name__} takes {', '.join(order)}; {len(inputs)} inputs were given")
        data = dict(zip(order, inputs, strict=False))
        for name in order:
            if options.get(name) is not None and data.get(name) is not None:
                raise ArgumentError(f"{name!r} was given twice, by position and by name")
            value = options.pop(name, None)
            data[name] = value if data.get(name) is None else data[name]
        if all(value is None for value in data.values()):
            raise InputError(f"{type(self).__name__} needs at least one of {', '.join(order)}")
        routed = self._route(options)
        results = {
            part: self.__dict__[part](data[KINDS[part][1]], **routed[part])
            for part in self.parts
            if data[KINDS[part][1]] is not None
        }
        return self._merge(results)

    def _route(self, options: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The options of each part."""
        of_parts = {part: (KINDS[part][2], _option_names(self.__dict__[part])) for part in self.parts}
        return routed(type(self).__name__, of_parts, options, {part for part in self.parts if _leaves_out(self.__dict__[part])})

    def _merge_kwargs(
        self, ModelProcessorKwargs: Any = None, tokenizer_init_kwargs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """The options of a call by kind of input: `text_kwargs`, `images_kwargs`, `audio_kwargs`, `videos_kwargs`.

        Of each, the later goes first: `_defaults`, what the tokenizer was built with, `common_kwargs`, the call. An option
        that several kinds declare reaches all of them. What no kind declares changes nothing, and a warning says so.

        Args:
            ModelProcessorKwargs: declares the options, see `call_options.ProcessingKwargs`, which is the default.

        Raises:
            ArgumentError: an option comes twice, in the dictionary of a kind and by itself.
        """
        declaration = ModelProcessorKwargs or self.valid_processor_kwargs
        return merged_by_kind(type(self).__name__, declaration, tokenizer_init_kwargs or {}, kwargs)

    def _merge(self, results: dict[str, BatchFeature]) -> BatchFeature:
        if len(results) == 1:
            return next(iter(results.values()))
        merged: dict[str, Any] = {}
        for part, result in results.items():
            if part == "tokenizer" and self.text_is_label:
                merged["labels"] = result["input_ids"]
            else:
                merged.update(result)
        return BatchFeature(merged)

    def decode(self, *args: Any, **kwargs: Any) -> str:
        """Ids to text, by the tokenizer."""
        text: str = self.tokenizer.decode(*args, **kwargs)
        return text

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[str]:
        """Rows of ids to texts, by the tokenizer."""
        texts: list[str] = self.tokenizer.batch_decode(*args, **kwargs)
        return texts

    def apply_chat_template(self, conversation: Any, tokenize: bool = False, return_dict: bool = False, **options: Any) -> Any:
        """Render a conversation with the tokenizer's template; with `tokenize` also encode it.

        Raises:
            InputError: messages hold images or sounds and are to be tokenized; render them first, then call the processor
                with the text and the media.
        """
        if tokenize and _holds_media(conversation):
            raise InputError(
                "the conversation holds images, audio or video, which a template only marks: render it with tokenize=False "
                "and pass the text together with the media to the processor"
            )
        return self.tokenizer.apply_chat_template(conversation, tokenize=tokenize, return_dict=return_dict, **options)

    def post_process_image_text_to_text(
        self, generated_outputs: Any, skip_special_tokens: bool = True, **kwargs: Any
    ) -> list[str]:
        """Generated ids as texts, by the tokenizer."""
        return self.batch_decode(generated_outputs, skip_special_tokens=skip_special_tokens, **kwargs)

    @staticmethod
    def validate_init_kwargs(processor_config: Mapping[str, Any], valid_kwargs: Iterable[str]) -> tuple[dict[str, Any], ...]:
        """Those values of `processor_config` that are not among `valid_kwargs`, and those that are."""
        valid = set(valid_kwargs)
        others = {name: value for name, value in processor_config.items() if name not in valid}
        return others, {name: value for name, value in processor_config.items() if name in valid}

    # Files

    @classmethod
    @showing_options_of(HubOptions)
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Open every part from a folder or a name on the hub.

        Keywords that are no hub options override stored values: those of the processor and of its image and audio parts by
        name, the rest goes to the tokenizer.

        Raises:
            FileMissing, HubError, CorruptFile: a file cannot be had or read.
            ArgumentError: a keyword that no part knows.
        """
        code, kwargs = CodeOptions.split(kwargs)  # what automatic classes open the parts with
        options, overrides = HubOptions.split(kwargs)
        path = find_file(pretrained_model_name_or_path, PROCESSOR_FILE, options)
        stored = read_json(path) if path else {}
        if not isinstance(stored, dict):
            raise CorruptFile(f"{path} is JSON of type {type(stored).__name__}; expected an object of settings")
        hub = {field.name: kwargs[field.name] for field in fields(HubOptions) if kwargs.get(field.name) is not None}
        opened: dict[str, Any] = {}
        for part in sorted(cls.parts, key=lambda name: name == "tokenizer"):
            kind = cls._opener_of(part)
            fields_of_part = kind.field_names() if issubclass(kind, Preprocessor) else frozenset()
            names = set(overrides) if part == "tokenizer" else fields_of_part & set(overrides)
            names -= set(cls._setting_names())
            opened[part] = kind.from_pretrained(
                pretrained_model_name_or_path, **hub, **code.said(), **{name: overrides.pop(name) for name in names}
            )
        settings = {key: value for key, value in stored.items() if key not in KINDS and key != "processor_class"}
        names = cls._setting_names()
        refuse({key: value for key, value in overrides.items() if key not in names}, f"{cls.__name__}.from_pretrained")
        values = {**settings, **overrides}
        if is_of_the_library(cls.__init__):
            self = cls(**opened)
            self.stored = {**self.stored, **values}
        else:
            self = cls(**opened, **{name: value for name, value in values.items() if name in names})
        return self

    def save_pretrained(self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        """Write every part and `processor_config.json`; returns the paths. Each file appears whole or not at all.

        Parts that share a file name are stored inside `processor_config.json`.

        Args:
            filename_prefix: changes nothing, as published, and a warning says so.
            push_to_hub: also upload the folder; further keywords are those of `hub.push.push_folder`.
        """
        prefix = kwargs.pop("filename_prefix", None)
        upload = uploader(push_to_hub, kwargs, f"{type(self).__name__}.save_pretrained")
        if prefix is not None:
            warn_once(
                "no-prefix",
                f"filename_prefix={prefix!r:.80} changes nothing: the parts of a processor are found by the names of their"
                " files. Save its tokenizer alone with one: processor.tokenizer.save_pretrained(folder, filename_prefix=...)",
            )
        written: list[str] = []
        content = {name: value for name, value in self.to_dict().items() if name not in self.parts}
        written += map(str, save_code(type(self), self._auto_class, save_directory, content))
        records = [name for name in self.parts if isinstance(self.__dict__[name], Preprocessor)]
        for name in self.parts:
            part = self.__dict__[name]
            if name in records and len(records) > 1:
                content[name] = part.to_dict()
                written += map(str, save_code(type(part), part._auto_class, save_directory, content[name]))
            else:
                written += part.save_pretrained(save_directory)
        path = folder_to_fill(save_directory) / PROCESSOR_FILE
        write_json(path, content)
        upload(save_directory)
        return [*written, str(path)]

    @classmethod
    def _setting_names(cls) -> list[str]:
        """Names of the settings: those of the family, or the further parameters of a user's constructor."""
        if is_of_the_library(cls.__init__):
            return list(cls.settings)
        return [name for name in inspect.signature(cls).parameters if name not in (*cls.parts, "chat_template", "kwargs")]

    @classmethod
    def _opener_of(cls, part: str) -> Any:
        """The class that opens a part, or what finds it by the files."""
        if not isinstance(cls.parts[part], tuple):
            return cls.parts[part]
        if cls.opener is None:
            raise ArgumentError(f"{cls.__name__} names no class for its {part}, and nothing to find one; import bestiary.auto")
        return cls.opener(part, cls.parts[part])

    def to_dict(self) -> dict[str, Any]:
        """The settings of the processor and of its parts, of the tokenizer apart, which has files of its own."""
        parts = {name: self.__dict__[name] for name in self.parts}
        records = {name: part.to_dict() for name, part in parts.items() if isinstance(part, Preprocessor)}
        settings = {} if is_of_the_library(type(self).__init__) else self.__dict__
        values = {name: settings[name] for name in self._setting_names() if name in settings}
        return {**records, **self.stored, **values, "processor_class": type(self).__name__}

    def to_json_string(self) -> str:
        """What `to_dict` gives, as sorted, indented JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def to_json_file(self, json_file_path: str | os.PathLike[str]) -> None:
        """Write what `to_dict` gives to a file, whole or not at all."""
        write_json(json_file_path, self.to_dict())

    def __repr__(self) -> str:
        inner = ", ".join(f"{part}={type(self.__dict__[part]).__name__}" for part in self.parts)
        return f"{type(self).__name__}({inner})"


def _parts_of(cls: type[ProcessorMixin]) -> dict[str, Any]:
    """The parts of a class that a user writes: each with its inherited class, or with the names of classes, maybe none."""
    members = vars(cls)
    names = members.get("attributes") or [name for name in _parameters_of(members.get("__init__")) if name in KINDS]
    names = names or [name for name in KINDS if f"{name}_class" in members]
    if unknown := [name for name in names if name not in KINDS]:
        raise ArgumentError(f"{cls.__name__} has a {unknown[0]}; the parts of a processor are {', '.join(KINDS)}")
    classes = {name: members.get(f"{name}_class") or () for name in names}
    stated = {name: (each,) if isinstance(each, str) else tuple(filter(None, each)) for name, each in classes.items()}
    return {name: cls.parts.get(name, stated[name]) if not stated[name] else stated[name] for name in names}


def _parameters_of(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters) if function is not None else []


def _by_place(names: Iterable[str]) -> list[Parameter]:
    """Parameters that may come by place, and are None otherwise."""
    return [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in names]


def _option_names(part: Any) -> frozenset[str]:
    if isinstance(part, Preprocessor):
        return part.option_names()
    return frozenset(list(inspect.signature(type(part).__call__).parameters)[2:])


def _leaves_out(part: Any) -> bool:
    """Whether the published part ignores options that it does not know, and no code of a user may know them."""
    if isinstance(part, PreTrainedTokenizerBase):
        return not part._passes_options_on and is_of_the_library(type(part).__call__)
    return isinstance(part, FeatureExtractionMixin) and is_of_the_library(type(part).__call__)


def _holds_media(conversation: Any) -> bool:
    if isinstance(conversation, Mapping):
        content = conversation.get("content")
        pieces = content if isinstance(content, list) else []
        return any(isinstance(piece, Mapping) and piece.get("type", "text") != "text" for piece in pieces)
    return isinstance(conversation, list | tuple) and any(_holds_media(message) for message in conversation)

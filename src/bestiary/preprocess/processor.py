"""A processor: the preprocessors of a model of several kinds of input, called as one. A family names its parts."""

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from inspect import Parameter
from typing import Any, ClassVar, Self

from ..core.errors import ArgumentError, CorruptFile, InputError, did_you_mean
from ..core.files import folder_to_fill, read_json, write_json
from ..core.signatures import is_of_the_library, showing, undecorated
from ..hub.code.options import CodeOptions
from ..hub.code.saving import registers_for, save_code
from ..hub.files import HubOptions, find_file, refuse
from ..hub.push import PushToHubMixin, uploader
from .audio.extractor import FeatureExtractionMixin
from .batch import BatchFeature
from .image.base import BaseImageProcessor
from .part import PROCESSOR_FILE, Preprocessor
from .text.tokenizer import PreTrainedTokenizerFast

# What each kind of part is, which input it takes, and under which name options reach it alone.
KINDS: dict[str, tuple[type, str, str]] = {
    "image_processor": (BaseImageProcessor, "images", "images_kwargs"),
    "feature_extractor": (FeatureExtractionMixin, "audio", "audio_kwargs"),
    "tokenizer": (PreTrainedTokenizerFast, "text", "text_kwargs"),
}


class ProcessorMixin(PushToHubMixin):
    """The parts of a processor by name, opened, saved and called together.

    Class attributes:
        parts: name of a part (a key of `KINDS`) -> its class in this family; inputs given by position follow this order.
        text_is_label: whether text beside another input is what the model shall answer; its ids are then `labels`.
        settings: further values of the family with their defaults, stored in `processor_config.json`.

    Example:
        class CLIPProcessor(ProcessorMixin):
            parts = {"image_processor": CLIPImageProcessor, "tokenizer": CLIPTokenizer}
    """

    parts: ClassVar[dict[str, Any]] = {}
    text_is_label: ClassVar[bool] = False
    settings: ClassVar[dict[str, Any]] = {}
    _auto_class: ClassVar[str | None] = None  # what `register_for_auto_class` was told
    register_for_auto_class = registers_for("AutoProcessor")

    image_processor: Any
    feature_extractor: Any
    tokenizer: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_of_the_library(cls.__init__):
            further = [
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
        return [name for part in self.parts for name in self.__dict__[part].model_input_names]

    # Calling

    def __call__(self, *inputs: Any, **options: Any) -> BatchFeature:
        """Features of the inputs `images`, `audio`, `text`, by name or in the order of `parts`.

        Every option goes to each part that knows it; `images_kwargs`, `audio_kwargs` and `text_kwargs` (dictionaries) reach
        one part alone, `common_kwargs` all of them. Parts without an input stay silent.

        Raises:
            InputError: nothing was given, or a part cannot use its input.
            ArgumentError: an option that no part knows.
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
        for name in ("common_kwargs", *(KINDS[part][2] for part in self.parts)):
            if not isinstance(options.get(name) or {}, Mapping):
                raise ArgumentError(f"{name} is {options[name]!r:.80}; expected a dictionary of options")
        common = options.pop("common_kwargs", None) or {}
        alone = {part: options.pop(KINDS[part][2], None) or {} for part in self.parts}
        option_names = {part: _option_names(self.__dict__[part]) for part in self.parts}
        for name in {**options, **common}:
            if not any(name in names for names in option_names.values()):
                near = did_you_mean(name, sorted(set().union(*option_names.values())))
                raise ArgumentError(f"no part of {type(self).__name__} takes an argument {name!r:.80}.{near}")
        shared = {**common, **options}
        return {part: {k: v for k, v in shared.items() if k in option_names[part]} | dict(alone[part]) for part in self.parts}

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

    # Files

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Open every part from a folder or a name on the hub.

        Keywords that are no hub options override stored values: those of the processor and of its image and audio parts by
        name, the rest goes to the tokenizer.

        Raises:
            FileMissing, HubError, CorruptFile: a file cannot be had or read.
            ArgumentError: a keyword that no part knows.
        """
        _, kwargs = CodeOptions.split(kwargs)
        options, overrides = HubOptions.split(kwargs)
        path = find_file(pretrained_model_name_or_path, PROCESSOR_FILE, options)
        stored = read_json(path) if path else {}
        if not isinstance(stored, dict):
            raise CorruptFile(f"{path} is JSON of type {type(stored).__name__}; expected an object of settings")
        hub = {field.name: kwargs[field.name] for field in fields(HubOptions) if kwargs.get(field.name) is not None}
        opened: dict[str, Any] = {}
        for part in sorted(cls.parts, key=lambda name: name == "tokenizer"):
            kind = cls.parts[part]
            names = set(overrides) if part == "tokenizer" else kind.field_names() & set(overrides)
            names -= set(cls.settings)
            opened[part] = kind.from_pretrained(
                pretrained_model_name_or_path, **hub, **{name: overrides.pop(name) for name in names}
            )
        settings = {key: value for key, value in stored.items() if key not in KINDS and key != "processor_class"}
        refuse({key: value for key, value in overrides.items() if key not in cls.settings}, f"{cls.__name__}.from_pretrained")
        self = cls(**opened)
        self.stored = {**self.stored, **settings, **overrides}
        return self

    def save_pretrained(self, save_directory: str | os.PathLike[str], push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        """Write every part and `processor_config.json`; returns the paths. Each file appears whole or not at all.

        Parts that share a file name are stored inside `processor_config.json`.

        Args:
            push_to_hub: also upload the folder; further keywords are those of `hub.push.push_folder`.
        """
        upload = uploader(push_to_hub, kwargs, f"{type(self).__name__}.save_pretrained")
        written: list[str] = []
        content = self.to_dict()
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

    def to_dict(self) -> dict[str, Any]:
        """The settings of the processor itself, without its parts."""
        return {**self.stored, "processor_class": type(self).__name__}

    def __repr__(self) -> str:
        inner = ", ".join(f"{part}={type(self.__dict__[part]).__name__}" for part in self.parts)
        return f"{type(self).__name__}({inner})"


def _by_place(names: Iterable[str]) -> list[Parameter]:
    """Parameters that may come by place, and are None otherwise."""
    return [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in names]


def _option_names(part: Any) -> frozenset[str]:
    if isinstance(part, Preprocessor):
        return part.option_names()
    return frozenset(list(inspect.signature(type(part).__call__).parameters)[2:])


def _holds_media(conversation: Any) -> bool:
    if isinstance(conversation, Mapping):
        content = conversation.get("content")
        pieces = content if isinstance(content, list) else []
        return any(isinstance(piece, Mapping) and piece.get("type", "text") != "text" for piece in pieces)
    return isinstance(conversation, list | tuple) and any(_holds_media(message) for message in conversation)

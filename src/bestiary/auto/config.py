"""`AutoConfig`: the `model_type` of a config file chooses the config class."""

import os
from typing import Any, Literal, overload

from ..core.errors import ConfigError, UnknownArchitecture
from ..core.logging import warn_once
from ..hub.code.files import class_named_for
from ..hub.code.opening import open_class, refusal
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions, file_itself, get_file, gguf_place
from ..hub.options import NameOrPath
from ..modeling.config import PreTrainedConfig
from ..modeling.families import config_class, families, registered, type_of_class


class AutoConfig:
    """The right config class for a checkpoint."""

    @staticmethod
    def for_model(model_type: str, **values: Any) -> PreTrainedConfig:
        """A config of the type `model_type` with these values."""
        return config_class(model_type)(**values)

    @overload
    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | os.PathLike[str], *, return_unused_kwargs: Literal[True], **kwargs: Any
    ) -> tuple[PreTrainedConfig, dict[str, Any]]: ...

    @overload
    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | os.PathLike[str], *, return_unused_kwargs: Literal[False] = False, **kwargs: Any
    ) -> PreTrainedConfig: ...

    @staticmethod
    def from_pretrained(pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Read config.json, or the GGUF file `gguf_file`, and build the config that its `model_type` names.

        Keywords override its values.

        With `trust_remote_code=True` the class is that of the checkpoint's own code, if it has such and none was registered;
        see `hub.code.options.CodeOptions`.

        Of a model of several parts whose type is not here and whose half for texts is, the config of that half, with a warning.

        Raises:
            UnknownArchitecture: no such `model_type`. UnsafeFile: it could only be opened by code in the checkpoint.
            ConfigError: the file names no `model_type`.
        """
        code, kwargs = CodeOptions.split(kwargs)
        options, rest = HubOptions.split(kwargs)
        _, source = gguf_place(pretrained_model_name_or_path, rest.pop("gguf_file", None), options)
        path = file_itself(source) or get_file(source, PreTrainedConfig.file_name, options)
        values = PreTrainedConfig.get_dict(path)
        model_type = values.get("model_type")
        reference = class_named_for(values, "AutoConfig", str(pretrained_model_name_or_path))
        if reference is not None and code.trust_remote_code and model_type not in registered:
            kind: Any = open_class(pretrained_model_name_or_path, reference, options, code)
            kind.register_for_auto_class()
            return _opened_from(pretrained_model_name_or_path, kind.from_pretrained(path, **rest))
        if model_type is None:  # files of 2019; some name the class of the model
            classes = values.get("architectures")
            types = (type_of_class(name) for name in (classes if isinstance(classes, list) else ()) if isinstance(name, str))
            model_type = next(filter(None, types), None)
        if model_type is not None and not isinstance(model_type, str):
            kind = type(model_type).__name__
            raise ConfigError(
                f"config.json of {pretrained_model_name_or_path}: model_type is {model_type!r:.80} ({kind}); expected text"
            )
        if not model_type:
            if reference is not None:
                raise refusal(pretrained_model_name_or_path, reference, options, code)
            raise ConfigError(
                f"config.json of {pretrained_model_name_or_path} names no model_type, so no family can be chosen; add one (such"
                ' as "model_type": "bert"), or open the checkpoint with the classes of its family (BertModel, BertTokenizer)'
            )
        try:
            config_kind = config_class(model_type)
        except UnknownArchitecture:
            if reference is not None:
                raise refusal(pretrained_model_name_or_path, reference, options, code) from None
            config_kind = _of_text_half(values)
        return _opened_from(pretrained_model_name_or_path, config_kind.from_pretrained(path, **rest))

    @staticmethod
    def register(model_type: str, config: type[PreTrainedConfig], exist_ok: bool = False) -> None:
        """Make `model_type` known in this process; a config class that was registered for it before is replaced.

        Raises:
            ConfigError: it is no class of configs, or of another type, or a family here has the type, and `exist_ok` is not
                set.
        """
        if not isinstance(config, type) or not issubclass(config, PreTrainedConfig):
            raise ConfigError(f"model_type {model_type!r:.60} is registered with {config!r:.80}; expected a class of configs")
        if config.model_type != model_type:
            raise ConfigError(f"{config.__name__}.model_type is {config.model_type!r}, registered as {model_type!r}")
        if not exist_ok and model_type in families():
            raise ConfigError(f"model_type {model_type!r} is taken; pass exist_ok=True to replace it")
        registered[model_type] = config


def _of_text_half(values: dict[str, Any]) -> type[PreTrainedConfig]:
    """The config class of the half for texts in config.json's `values`, whose own `model_type` no family has.

    Raises:
        UnknownArchitecture: no family has that of such a half either, or there is none.
    """
    model_type, half = values["model_type"], values.get("text_config")
    half_type = half.get("model_type") if isinstance(half, dict) else None
    if not isinstance(half_type, str):
        return config_class(model_type)
    try:
        kind = config_class(half_type)
    except UnknownArchitecture:
        return config_class(model_type)
    warn_once(
        "text-half",
        f"models of type {model_type!r:.60} have parts for other things than texts, which are not here yet: the part for texts"
        f" is opened, of type {half_type!r:.60}",
        about=model_type,
    )
    return kind


def _opened_from(name_or_path: NameOrPath, opened: Any) -> Any:
    """What a config class has `opened`, a config or with `return_unused_kwargs` a pair, which knows where it is from."""
    config: PreTrainedConfig = opened[0] if isinstance(opened, tuple) else opened
    config.name_or_path = str(name_or_path)
    return opened

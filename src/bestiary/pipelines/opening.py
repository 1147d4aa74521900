"""`pipeline()`: a task, a model, or both become a ready pipeline."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from .. import auto
from ..auto import AutoConfig, AutoFeatureExtractor, AutoImageProcessor, AutoProcessor, AutoTokenizer, AutoVideoProcessor
from ..core.errors import ArgumentError, BestiaryError, FileMissing, UnknownArchitecture, UnsafeFile
from ..core.logging import warn_once
from ..hub.code.files import ClassReference
from ..hub.code.opening import open_attribute
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions, file_itself, find_file
from ..hub.options import network_is_off, offline
from ..modeling.config import PreTrainedConfig
from ..modeling.families import tasks_of
from .base import Pipeline, options_of
from .custom import Table, tasks_of_config
from .defaults import embedded_model_path
from .registry import PIPELINE_REGISTRY, Task, implied, parts_of, tasks

if TYPE_CHECKING:
    from .opener import Opener

_OPENERS: dict[str, Any] = {
    "tokenizer": AutoTokenizer,
    "feature_extractor": AutoFeatureExtractor,
    "image_processor": AutoImageProcessor,
    "video_processor": AutoVideoProcessor,
    "processor": AutoProcessor,
}


@dataclass(frozen=True)
class _Source:
    """Where files come from: a name or folder (None for a model that is an object), the hub's options, what is said of code."""

    name: Any
    hub: HubOptions
    code: CodeOptions

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of `from_pretrained`."""
        return {**vars(self.hub), **vars(self.code)}


def _by_task(function: Callable[..., Pipeline]) -> "Opener":
    """`function` itself; type checkers see which class and keywords belong to which task."""
    return cast("Opener", function)


@_by_task
def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    feature_extractor: Any = None,
    image_processor: Any = None,
    video_processor: Any = None,
    processor: Any = None,
    framework: str | None = None,
    revision: str | None = None,
    use_fast: bool = True,
    token: str | bool | None = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = None,
    trust_remote_code: bool | None = None,
    model_kwargs: dict[str, Any] | None = None,
    pipeline_class: type[Pipeline] | None = None,
    *,
    torch_dtype: Any = None,
    **kwargs: Any,
) -> Pipeline:
    """A pipeline for `task`, with `model` and its preprocessors.

    Args:
        task: what it does, for example "text-generation"; read off the model when it is not given. Type checkers know the
            tasks of this library; to them, `TaskName("my-task")` is any other.
        model: a folder, a name on the hub, or a model. Without one, text generation uses the model inside the package.
        config, tokenizer, feature_extractor, image_processor, video_processor, processor: each an object, a folder or a name;
            by default what belongs to the model. A tuple is a folder or name with a dictionary of options for opening it.
        revision, token: for the hub; `cache_dir`, `subfolder`, `local_files_only`, `force_download` as well.
        device: -1 or "cpu", a number, "cuda:1", "mps", ...; by default the first accelerator for a model that is opened
            here, and where it is for a model that is an object.
        device_map, dtype (torch_dtype), model_kwargs: keywords for opening the model; dtype is the checkpoint's by default.
        framework: "pt" or None. use_fast: tokenizers are always of the fast kind.
        trust_remote_code: True lets code of the checkpoint run, a pipeline of its own too; `code_digest` and `code_revision`
            (`hub.code.options.CodeOptions`) are keywords as well.
        pipeline_class: used in place of the task's own class.
        **kwargs: defaults for the keywords of a call, `batch_size`, `num_workers`.

    Example:
        >>> pipeline("text-classification", model="folder")("a text")
        [{'label': 'POSITIVE', 'score': 0.99}]

    Raises:
        UnknownArchitecture: no such task, none can be read off the model, or the model is of another kind.
        ArgumentError: options that exclude each other, an unknown keyword, or a preprocessor that cannot be guessed.
        FileMissing, HubError, LoadError, ...: as `from_pretrained`.
    """
    if framework not in (None, "pt"):
        warn_once("framework", f"framework={framework!r} changes nothing: models run on PyTorch")
    if device is not None and device_map is not None:
        warn_once("device-and-map", f"device={device!r} puts the model into one place; device_map={device_map!r} is not used")
        device_map = None
    if not use_fast:
        warn_once("use-fast", "use_fast=False changes nothing: every tokenizer here is of the fast kind, with the same results")
    if task is None and model is None:
        raise ArgumentError(f"pass a task or a model; tasks are {', '.join(PIPELINE_REGISTRY.get_supported_tasks())}")
    hub, opening = HubOptions.split({"revision": revision, "token": token, **options_of(model_kwargs=model_kwargs)})
    more, kwargs = HubOptions.split({**vars(hub), **kwargs})
    code, kwargs = CodeOptions.split({"trust_remote_code": trust_remote_code, **kwargs})
    if model is None and task is not None:
        model, more = _default_model(PIPELINE_REGISTRY.find(task), more)
    if pipeline_class is not None and not callable(pipeline_class):
        raise ArgumentError(f"pipeline_class is {pipeline_class!r:.80}; expected a class")
    name = model if isinstance(model, str | os.PathLike) else None
    from ..modeling.adapters import adapter_and_base  # opening alone needs it

    adapter, base = adapter_and_base(name, more, opening.get("adapter_kwargs"))  # which brings no preprocessors of its own
    source = _Source(base, more, code)
    if isinstance(config, str | os.PathLike):
        config = AutoConfig.from_pretrained(config, **source.options)
    if config is not None and not isinstance(config, PreTrainedConfig):
        raise ArgumentError(f"config is {config!r:.80}; expected a config, a folder or a name")
    chosen = _chosen(task, model, config, source, pipeline_class)
    preprocessors = {
        "tokenizer": tokenizer,
        "feature_extractor": feature_extractor,
        "image_processor": image_processor,
        "video_processor": video_processor,
        "processor": processor,
    }
    if source.name is not None:
        config = AutoConfig.from_pretrained(source.name, **source.options) if config is None else config
        model_class = _model_class(chosen, config, source)
        # Small files first: what is missing is told before weights are read.
        parts = _preprocessors(chosen, preprocessors, source, model)
        options = {"dtype": dtype or torch_dtype, "device_map": device_map, **opening, **source.options}
        options = {name: value for name, value in options.items() if value is not None}
        model = model_class.from_pretrained(source.name if adapter is None else adapter, config=config, **options)
        if device is None and device_map is None:
            device = _first_accelerator()
    else:
        _tell_for_objects({"dtype": dtype or torch_dtype, "device_map": device_map, **opening})
        _check_kind(chosen, model)
        parts = _preprocessors(chosen, preprocessors, source, model)
    if tokenizer is None and parts.get("tokenizer") is not None:
        _limit(parts["tokenizer"], model.config)
    return (pipeline_class or chosen.pipeline)(model, **parts, task=task or chosen.name, device=device, **kwargs)


def _default_model(task: Task, hub: HubOptions) -> tuple[Any, HubOptions]:
    if task.default is not None:
        name, revision = task.default
        return name, HubOptions(**{**vars(hub), "revision": hub.revision or revision})
    if task.name == "text-generation":
        warn_once(
            "embedded-model",
            "no model was named, so the embedded one writes: a demonstration, which knows Python's standard library alone;"
            " pass model= with a folder or a name on the hub",
        )
        return embedded_model_path(), hub
    hint = f", for example {' or '.join(map(repr, task.suggestions))}" if task.suggestions else ""
    off = f"; {network_is_off(hub)}, so of names only those that the cache holds open" if offline(hub) else ""
    raise ArgumentError(
        f"pipeline({task.name!r}) has no default model, for nothing is downloaded unasked: pass model= with a folder, a model,"
        f" or a name on the hub{hint}{off}"
    )


def _limit(tokenizer: Any, config: Any) -> None:
    """A tokenizer opened here whose file names no limit gets the model's own, so that truncation has something to cut to."""
    from ..preprocess.text.reading_call import UNLIMITED  # many pipelines have no tokenizer

    text = config.get_text_config() if isinstance(config, PreTrainedConfig) else None
    positions = None if text is None else text.get("max_position_embeddings")
    if text is not None and positions is not None and tokenizer.model_max_length >= UNLIMITED:
        tokenizer.model_max_length = positions - text.first_position


def _first_accelerator() -> torch.device | None:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return None if accelerator is None else torch.device(accelerator.type, 0)


def _tell_for_objects(options: dict[str, Any]) -> None:
    names = ", ".join(name for name, value in options.items() if value is not None and value != "auto")
    if names:
        warn_once("open-already", f"{names}: says how to open a model, and this one is open already, so nothing changes")


# which task, which class ----------------------------------------------------------------------------------------------


def _chosen(name: str | None, model: Any, config: Any, source: _Source, pipeline_class: Any) -> Task:
    """The task called `name`, or the one that the model is for; a task of the checkpoint's own goes before the library's.

    Raises:
        UnknownArchitecture: there is none, or several and none was named. UnsafeFile: its code is not allowed.
    """
    own = _own_tasks(source, name)
    if name is None and own and source.code.trust_remote_code is not False:
        if len(own) > 1:
            raise UnknownArchitecture(
                f"{source.name} has pipelines of its own for several tasks; pass task=, one of {', '.join(own)}"
            )
        [name] = own
    if name is None:
        name = _task_of(model, config, source)
    if not isinstance(name, str) or name not in own:
        return PIPELINE_REGISTRY.find(name)
    entry, kind = own[name], pipeline_class
    if kind is None:
        kind = open_attribute(source.name, ClassReference.read(entry["impl"], str(source.name)), source.hub, source.code)
        if not isinstance(kind, type) or not issubclass(kind, Pipeline):
            raise UnsafeFile(f"{entry['impl']}, which {source.name} names for {name!r}, is {kind!r:.80}; expected a Pipeline")
        kind._registered = {name: entry}
    unknown = [each for each in entry["pt"] if each not in vars(auto)]
    if unknown:
        raise UnknownArchitecture(f"custom_pipelines of {source.name} names {', '.join(unknown)}; expected automatic classes")
    return Task(name, kind, tuple(vars(auto)[each] for each in entry["pt"]), parts_of(kind, entry.get("type")))


def _own_tasks(source: _Source, name: str | None) -> Table:
    """The tasks that the checkpoint has pipelines of its own for; where no code is allowed, a known task is not one of them."""
    if source.name is None or file_itself(source.name) is not None:
        return {}
    if not isinstance(name, str | None) or (
        name in PIPELINE_REGISTRY.get_supported_tasks() and not source.code.trust_remote_code
    ):
        return {}
    path = find_file(source.name, PreTrainedConfig.file_name, source.hub)
    return {} if path is None else tasks_of_config(PreTrainedConfig.get_dict(path))


def get_task(model: Any, **hub: Any) -> str:
    """The task that a checkpoint is for: what its card says, else what its config's `architectures` mean.

    Raises:
        UnknownArchitecture: neither tells.
    """
    return _task_of(model, None, _Source(model, HubOptions(**hub), CodeOptions()))


def _is_of_ours(model: Any) -> bool:
    """Whether it is a model of this library, or a class of such."""
    from ..modeling.base import PreTrainedModel  # scripts that only import `pipeline` need no models

    return issubclass(model if isinstance(model, type) else type(model), PreTrainedModel)


def _task_of(model: Any, config: Any, source: _Source) -> str:
    if source.name is None:
        if not _is_of_ours(model):
            raise ArgumentError(f"the task cannot be read off a {type(model).__name__}; pass task=")
        return _task_of_class(model.config, type(model).__name__)
    card = find_file(source.name, "README.md", source.hub)
    tag = _pipeline_tag(card) if card is not None else None
    if tag in PIPELINE_REGISTRY.get_supported_tasks():
        return str(tag)
    config = AutoConfig.from_pretrained(source.name, **source.options) if config is None else config
    for name in config.architectures or ():
        return _task_of_class(config, name)
    raise UnknownArchitecture(f"{source.name} names no architecture in config.json and no pipeline_tag in its card; pass task=")


def _pipeline_tag(card: Path) -> str | None:
    """`pipeline_tag` of the front matter of a model card."""
    front = re.match(r"---\s*\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    tag = re.search(r"^pipeline_tag:\s*['\"]?([\w-]+)", front[1], re.MULTILINE) if front else None
    return tag[1] if tag else None


# Classes as older files name them.
_RENAMED = {"T5WithLMHeadModel": "T5ForConditionalGeneration"}


def _kinds(config: Any, class_name: str) -> set[str]:
    """The tasks of a family's model class (keys of its `TASKS`); empty for a class from outside this library."""
    try:
        table = tasks_of(config.model_type)
    except UnknownArchitecture:
        return set()
    current_name = _RENAMED.get(class_name, class_name).casefold()  # LLaMAForCausalLM stands in files of 2023
    return {kind for kind, name in table.items() if name.casefold() == current_name}


def _serves(task: Task, kinds: set[str]) -> bool:
    return any(kinds & set(model.tasks) for model in task.models)


def _task_of_class(config: Any, class_name: str) -> str:
    kinds = _kinds(config, class_name)
    if kinds == {"base"}:
        reads = "image" if config.get("image_size") and not config.get("vocab_size") else "text"
        return "image-feature-extraction" if reads == "image" else "feature-extraction"
    named = [name for name in implied() if _serves(PIPELINE_REGISTRY.find(name), kinds - {"base"})]
    if not named:
        raise UnknownArchitecture(f"no task can be read off the class {class_name!r}; pass task=, one of {', '.join(tasks())}")
    return named[0]


def _model_class(task: Task, config: PreTrainedConfig, source: _Source) -> Any:
    """The first class of the task that the family has; the class that the checkpoint was saved with goes first."""
    possible, reasons = [], []
    for opener in task.models:
        if _is_of_ours(opener):
            possible.append(opener)
            continue
        try:
            possible.append(opener.class_with_code(config, source.name, source.hub, source.code))
        except UnknownArchitecture as error:
            reasons.append(str(error))
    if not possible:
        raise UnknownArchitecture(f"task {task.name!r}: {'; '.join(reasons) or 'its pipeline names no model class'}")
    stored = [kind for kind in possible if kind.__name__ in (config.architectures or ())]
    return (stored or possible)[0]


def _check_kind(task: Task, model: Any) -> None:
    """Refuse a model made for another task; classes from outside this library are trusted."""
    if not _is_of_ours(model):
        return
    kinds = _kinds(model.config, type(model).__name__)
    if kinds and task.models and not _serves(task, kinds) and "base" not in {k for m in task.models for k in m.tasks}:
        openers = ", ".join(opener.__name__ for opener in task.models)
        raise UnknownArchitecture(f"task {task.name!r} cannot use a {type(model).__name__}; open the checkpoint with {openers}")


# preprocessors --------------------------------------------------------------------------------------------------------


def _preprocessors(task: Task, preprocessors: dict[str, Any], source: _Source, model: Any) -> dict[str, Any]:
    """Each preprocessor that was given, or that the task needs and the checkpoint has."""
    for part, value in preprocessors.items():
        _check_source(part, value)
    parts: dict[str, Any] = {}
    bundle = preprocessors["processor"]
    for part, value in preprocessors.items():
        if isinstance(value, str | os.PathLike):
            parts[part] = _OPENERS[part].from_pretrained(value, **source.options)
        elif isinstance(value, tuple):
            parts[part] = _OPENERS[part].from_pretrained(value[0], **{**source.options, **value[1]})
        elif value is not None:
            parts[part] = value
        elif bundle is not None and part in vars(bundle):
            parts[part] = vars(bundle)[part]
        elif task.parts is None or part in task.parts:
            opened = _open_part(part, source, model, optional=task.parts is None)
            parts.update({} if opened is None else {part: opened})
    return parts


def _check_source(part: str, value: Any) -> None:
    """Refuse what is neither a preprocessor, a folder or name, nor a pair of one with its options."""
    pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping)
    if not (value is None or pair or isinstance(value, str | os.PathLike) or callable(value)):
        raise ArgumentError(f"{part} is {value!r:.80}; expected an object, a folder or a name, or (name, options)")


def _open_part(part: str, source: _Source, model: Any, optional: bool) -> Any:
    where = source.name if source.name is not None else _origin(model)
    if where is None and not optional:
        raise ArgumentError(f"which {part} belongs to this {type(model).__name__} cannot be guessed; pass {part}=")
    if where is None:
        return None
    try:
        return _OPENERS[part].from_pretrained(where, **source.options)
    except (FileMissing, UnknownArchitecture) as error:
        if optional:
            return None
        raise _cannot(part, where, error) from error


def _origin(model: Any) -> str | None:
    """The folder that a model object was opened from, when it still is there."""
    path = model.config.name_or_path if _is_of_ours(model) else ""
    return path if path and Path(path).is_dir() else None


def _cannot(part: str, where: Any, error: BestiaryError) -> ArgumentError:
    return ArgumentError(f"no {part} was found in {where}: {error}. Pass {part}= with an object, a folder or a name")

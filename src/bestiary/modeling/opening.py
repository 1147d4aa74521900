"""Opening a checkpoint into a model: where loading and placement meet."""

import copy
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch

from ..core.dtypes import floating_dtype
from ..core.errors import ArgumentError, ConfigError, LoadError, MissingDependency, did_you_mean
from ..core.first_process import waits_for_weights
from ..core.logging import warn_once
from ..core.missing_weights import may_start_afresh
from ..core.signatures import is_of_the_library
from ..hub.code.options import CodeKeywords, CodeOptions
from ..hub.files import gguf_place
from ..hub.options import HubKeywords, HubOptions
from ..kernels.half import speed_up_halves
from ..loading.checkpoint import Checkpoint
from ..loading.load import LoadPlan, load_weights
from ..loading.report import LoadReport
from ..loading.skeleton import skeleton, skeleton_with_buffers
from ..nn.part_order import last
from ..placement.device_map import check_available, plan_device_map
from ..placement.dispatch import dispatch
from .adapters import adapter_and_base
from .building import building, without_initialisation
from .config import PreTrainedConfig
from .parts import ModelParts
from .quantized import quantizer_for, take_older_settings

# Older keywords, and the values of them that ask for what happens anyway.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "_fast_init": (True, False, None),  # what the file holds is never initialised first
    "weights_only": (True, False, None),  # nothing else is ever read
    "tp_plan": (None,),
}


@dataclass
class OpenOptions:
    """The keywords of `from_pretrained` besides the hub's (`hub.files.HubOptions`) and the config's own.

    config: a config object, or where its file is, instead of the checkpoint's own.
    dtype (older: torch_dtype): a floating dtype, its name, or "auto" (the default): the config's, else the file's; of a table
        by part, as older scripts pass it, the model's own ("") is taken for all.
    device_map: "auto", "balanced", "balanced_low_0", "sequential", a device, or module name -> device, "cpu" or "disk".
    max_memory: device -> bytes or a string with a unit. offload_folder, offload_state_dict: for what goes to disk.
    attn_implementation: the attention kernel, or kernels by part of the config ("" is the model itself).
    use_safetensors, variant: which weight files.
    ignore_mismatched_sizes: tensors whose shape differs are made anew, with a warning, instead of refused.
    allow_missing: patterns of parameters that may be made anew, or True for all.
    output_loading_info: also return what was missing, unexpected and mismatched.
    state_dict: tensors to load instead of the checkpoint's files.
    key_mapping: regular expression -> what takes the place of its first match in the names of the file's tensors.
    gguf_file: the GGUF file of the checkpoint that holds config and weights; a path to such a file needs no further word.
    generation_config: settings to attach instead of the checkpoint's.
    adapter_name, adapter_kwargs: of a folder that holds an adapter, alone or with the model that it is for, the name to load it
        under and the hub's keywords for its files.
    quantization_config: settings of a method of quantization (`quantization/methods`), or a table of them: weights are
        quantized while they are read. Of a checkpoint that is quantized already only how to compute counts.
    load_in_8bit, load_in_4bit: short for `BitsAndBytesConfig` with this field.
    low_cpu_mem_usage, weights_only: how loading always works, whatever they say.
    trust_remote_code, code_revision, code_digest: for the automatic classes, which open code of a checkpoint
        (`hub.code.options.CodeOptions`); a class that is here takes from it only a `generate` of the checkpoint's own.
    from_tf, from_flax: True is refused.
    """

    config: Any = None
    dtype: Any = "auto"
    device_map: Any = None
    max_memory: dict[Any, Any] | None = None
    offload_folder: Any = None
    offload_state_dict: bool = False
    offload_buffers: bool = False
    attn_implementation: str | dict[str, str] | None = None
    use_safetensors: bool | None = None
    variant: str | None = None
    ignore_mismatched_sizes: bool = False
    allow_missing: tuple[str, ...] | list[str] = ()
    output_loading_info: bool = False
    state_dict: Mapping[str, torch.Tensor] | None = None
    key_mapping: Mapping[str, str] | None = None
    gguf_file: str | None = None
    generation_config: Any = None
    adapter_name: str = "default"
    adapter_kwargs: dict[str, Any] | None = None
    low_cpu_mem_usage: bool | None = None
    quantization_config: Any = None
    load_in_8bit: bool = False
    load_in_4bit: bool = False

    @classmethod
    def split(cls, kwargs: dict[str, Any]) -> "tuple[OpenOptions, dict[str, Any]]":
        """Take these keywords out of `kwargs`, older spellings included; returns them and the rest."""
        kwargs = {name: value for name, value in kwargs.items() if value not in _WITHOUT_EFFECT.get(name, ())}
        if "torch_dtype" in kwargs:
            older = kwargs.pop("torch_dtype")
            kwargs["dtype"] = kwargs.get("dtype") or older
        if kwargs.pop("use_flash_attention_2", False):
            warn_once("use-flash-attention-2", "use_flash_attention_2=True is now attn_implementation='flash_attention_2'")
            kwargs.setdefault("attn_implementation", "flash_attention_2")
        for flag, framework in (("from_tf", "TensorFlow"), ("from_flax", "Flax")):
            if kwargs.pop(flag, False):
                raise MissingDependency(
                    f"{flag}=True: {framework} weights are not read here. Release 4 of transformers converts them:"
                    f" from_pretrained(folder, {flag}=True), then save_pretrained, writes safetensors"
                )
        if isinstance(everything := kwargs.get("allow_missing", may_start_afresh()), bool):
            kwargs["allow_missing"] = ("",) if everything else ()
        names = {field.name for field in fields(cls)}
        options = cls(**{name: value for name, value in kwargs.items() if name in names})
        if options.dtype is None:
            options.dtype = "auto"
        return options, {name: value for name, value in kwargs.items() if name not in names}


class OpenKeywords(HubKeywords, CodeKeywords, total=False):
    """`OpenOptions` and `HubOptions` as keywords, with their older spellings, and what every config has that is often set."""

    config: Any
    dtype: torch.dtype | str | dict[str, torch.dtype | str] | None
    device_map: Any
    max_memory: dict[Any, Any] | None
    offload_folder: Any
    offload_state_dict: bool
    offload_buffers: bool
    attn_implementation: str | dict[str, str] | None
    use_safetensors: bool | None
    variant: str | None
    ignore_mismatched_sizes: bool
    allow_missing: tuple[str, ...] | list[str] | bool
    output_loading_info: Literal[False]
    state_dict: Mapping[str, torch.Tensor] | None
    key_mapping: Mapping[str, str] | None
    gguf_file: str | None
    generation_config: Any
    adapter_name: str
    adapter_kwargs: dict[str, Any] | None
    low_cpu_mem_usage: bool | None
    quantization_config: Any
    load_in_8bit: bool
    load_in_4bit: bool
    torch_dtype: torch.dtype | str | None
    num_labels: int
    id2label: dict[int, str]
    label2id: dict[str, int]
    problem_type: str | None
    output_attentions: bool
    output_hidden_states: bool
    use_cache: bool


def one_dtype(dtype: Any, config: PreTrainedConfig) -> Any:
    """`dtype`, or of a table by part the one under "" (float32 without it), with a warning: all parts have one dtype.

    Raises:
        ArgumentError: the table names what is no part of the model.
    """
    if not isinstance(dtype, Mapping):
        return dtype
    config.check_parts("dtype", dtype)
    chosen = dtype.get("", torch.float32)
    if any(each != chosen for each in dtype.values()):
        warn_once(
            "dtype-by-part",
            f"dtype names {', '.join(map(str, dtype.values()))} for the parts of one model, which would not fit each other:"
            f" {chosen} (what '' names, else float32) is used for all",
        )
    return chosen


def open_model(cls: type[ModelParts], name_or_path: Any, *model_args: Any, **kwargs: Any) -> Any:
    """The model of class `cls` in the checkpoint `name_or_path` (a folder, a hub name, or None with `state_dict`).

    Keywords are those of `OpenOptions` and `HubOptions`; others override the config's fields or go to the constructor.

    Raises:
        FileMissing, HubError, CorruptFile, UnsafeFile: the files cannot be had, read or trusted.
        LoadError: not every tensor is accounted for. ConfigError, ArgumentError, InputError: what was asked is wrong.
    """
    if torch.get_default_device().type == "meta" and not building():
        raise LoadError(
            f"{cls.__name__}.from_pretrained was called where new tensors go to the meta device, which holds no numbers, and it"
            " would read the checkpoint's: call it outside of torch.device('meta'), or from_config for a model without weights"
        )
    hub, kwargs = HubOptions.split(kwargs)
    code, kwargs = CodeOptions.split(kwargs)
    options, kwargs = OpenOptions.split(kwargs)
    adapter, name_or_path = adapter_and_base(name_or_path, hub, options.adapter_kwargs)
    gguf_file = options.gguf_file or getattr(options.quantization_config, "gguf_file", None)
    name_or_path, source = gguf_place(name_or_path, gguf_file, hub)
    config, kwargs = _config(cls, source, options, hub, kwargs)
    asked = options.quantization_config, options.load_in_8bit, options.load_in_4bit, name_or_path
    told = config.get("quantization_config") is not None
    quantizer = quantizer_for(config, *asked) if told else None  # what cannot be opened is told before weights are fetched
    checkpoint = _checkpoint(source, options, hub)
    if options.key_mapping is not None:
        checkpoint.rename(options.key_mapping)
    if not told:
        take_older_settings(config, checkpoint, options.quantization_config, name_or_path, hub)
        quantizer = quantizer_for(config, *asked)
    cls.tie_as_saved(config, checkpoint.keys)
    if options.attn_implementation is not None:
        config.__dict__["_attn_implementation"] = options.attn_implementation
    dtype = _dtype(one_dtype(options.dtype, config), config, checkpoint)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with without_initialisation(), skeleton() if is_of_the_library(cls) else skeleton_with_buffers():
            model = cls(config, *model_args, **kwargs)
    finally:
        torch.set_default_dtype(before)
    if waits_for_weights():
        model.config.dtype = dtype
        model.open_settings(name_or_path, options.generation_config, hub, code)
        return (model.eval(), LoadReport().as_info()) if options.output_loading_info else model.eval()
    in_fp32 = list(cls._keep_in_fp32_modules) if dtype == torch.float16 else []
    in_fp32 += cls._keep_in_fp32_modules_strict if dtype in (torch.float16, torch.bfloat16) else []
    device_map = _device_map(model, options, dtype, in_fp32)
    if quantizer is not None:
        quantizer.check(device_map)
        quantizer.replace(model)
        quantizer.decode(model, checkpoint, model._weight_rules)
    head_is_new = cls.__name__ not in (config.architectures or [])
    report = load_weights(
        model,
        checkpoint,
        plan=LoadPlan(dtype, in_fp32, device_map, options.offload_folder, options.offload_state_dict, model.part_dtypes()),
        prefix=cls.base_model_prefix,
        renames=model._weight_rules,
        tied=model.tied_weights(),
        head_is_new=head_is_new,
        ignore_unexpected=model._keys_to_ignore_on_load_unexpected,
        allow_missing=[*options.allow_missing, *cls._optional_parts, *(cls._new_with_head if head_is_new else ())],
        computed=cls._keys_to_ignore_on_load_missing,
        ignore_mismatched_sizes=options.ignore_mismatched_sizes,
        saved_as=" or ".join(config.architectures or []),
        initialise=model.init_weights,
    )
    report.unused = _said(model, report.unused)
    model.load_report = report
    model.untied(report.untied)
    model.config.dtype = dtype
    if quantizer is not None:
        quantizer.finish(model)
    speed_up_halves(model)
    model.eval()
    model.open_settings(name_or_path, options.generation_config, hub, code)
    if device_map is not None:
        dispatch(model, device_map, options.offload_folder, report.offload_index, offload_buffers=options.offload_buffers)
    if adapter is not None:
        loaded = model.load_adapter(
            adapter, options.adapter_name, adapter_kwargs={**vars(hub), **(options.adapter_kwargs or {})}
        )
        return (model, loaded.to_dict()) if options.output_loading_info else model
    return (model, report.as_info()) if options.output_loading_info else model


def _config(
    cls: type[ModelParts], name_or_path: Any, options: OpenOptions, hub: HubOptions, kwargs: dict[str, Any]
) -> tuple[PreTrainedConfig, dict[str, Any]]:
    """The config, and the keywords that are for the constructor. The caller's config object is not changed."""
    if isinstance(options.config, PreTrainedConfig):
        config = copy.deepcopy(options.config)
        fields_set = {name for name in kwargs if name in type(config)._field_names or name in type(config).attribute_map}
        config.update({name: kwargs[name] for name in kwargs if name in fields_set or name == "num_labels"})
        rest = {name: value for name, value in kwargs.items() if name not in fields_set and name != "num_labels"}
    else:
        try:
            config, rest = cls.config_class.from_pretrained(
                options.config or name_or_path, return_unused_kwargs=True, **vars(hub), **kwargs
            )
        except ConfigError as error:
            raise ConfigError(f"{cls.__name__} cannot be opened from {options.config or name_or_path}: {error}") from error
    accepted = inspect.signature(cls.__init__).parameters
    for name in rest:
        if name not in accepted:
            names = [*type(config)._field_names, *(f.name for f in fields(OpenOptions)), *(f.name for f in fields(HubOptions))]
            raise ArgumentError(f"{cls.__name__}.from_pretrained takes no argument {name!r:.80}.{did_you_mean(name, names)}")
    if isinstance(name_or_path, str | Path):
        config.__dict__["_name_or_path"] = str(name_or_path)
    return config, rest


def _checkpoint(name_or_path: Any, options: OpenOptions, hub: HubOptions) -> Checkpoint:
    if options.state_dict is not None:
        return Checkpoint.of(options.state_dict)
    if name_or_path is None:
        raise ArgumentError("pass a folder or the name of a checkpoint, or state_dict= with the tensors to load")
    return Checkpoint.open(name_or_path, hub, use_safetensors=options.use_safetensors, variant=options.variant)


def _dtype(dtype: Any, config: PreTrainedConfig, checkpoint: Checkpoint) -> torch.dtype:
    """The one rule: what the caller says; else what the config says; else what most of the file's numbers are.

    Those of a GGUF file are float32.
    """
    if dtype != "auto":
        return floating_dtype(dtype)
    if config.dtype is not None:
        return floating_dtype(config.dtype)
    if checkpoint.format == "gguf":  # as published: the types of its tensors are kinds of storage, not of numbers
        return torch.float32
    sizes: dict[torch.dtype, int] = {}
    for info in checkpoint.keys.values():
        if info.dtype.is_floating_point and info.dtype.itemsize > 1:
            sizes[info.dtype] = sizes.get(info.dtype, 0) + info.nbytes
    return max(sizes, key=lambda kind: sizes[kind]) if sizes else torch.float32


def _said(model: ModelParts, unused: list[str]) -> list[str]:
    """Those of the `unused` keys of a file that a class which somebody wrote over one of the library does not pass over."""
    kinds = [kind for kind in type(model).__mro__ if not is_of_the_library(kind)]
    silent = [each for kind in kinds for each in vars(kind).get("_keys_to_ignore_on_load_unexpected") or ()]
    return [name for name in unused if not any(re.search(pattern, name) for pattern in silent)]


def _device_map(model: ModelParts, options: OpenOptions, dtype: torch.dtype, in_fp32: list[str]) -> dict[str, Any] | None:
    if options.device_map is None:
        if options.max_memory is not None:
            warn_once("max-memory", "max_memory has no effect without device_map, for example 'auto', which spreads a model")
        return None
    blocks = sorted({name for part in model.modules() if isinstance(part, ModelParts) for name in part._no_split_modules})
    tied = model.tied_weights()
    # Devices are filled in order, and what a head shares with the words belongs to these.
    with last(model, *(target.partition(".")[0] for target in tied if target.partition(".")[0] != model.base_model_prefix)):
        table = plan_device_map(model, options.device_map, options.max_memory, blocks, dtype, tied, keep_in_fp32=in_fp32)
    for device in set(table.values()) - {"disk"}:
        check_available(device)
    return table

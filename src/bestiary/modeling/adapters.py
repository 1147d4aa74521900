"""Adapters in a model: weights that are trained beside it, put in, chosen, saved and opened through the package peft.

LoRA (Hu et al. 2021), IA3 (Liu et al. 2022) and whatever else peft puts into modules; for prompts and prefixes, which it puts
before the input, wrap the model by `peft.get_peft_model`. peft imports `transformers` and knows modules by the classes of that
name: call `bestiary.compat.install()` first.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from ..core.errors import ArgumentError, CapacityError, CorruptFile, FileMissing, InputError, LoadError, MissingDependency
from ..core.files import read_json, replacing
from ..core.logging import warn_once
from ..core.missing_weights import may_start_afresh
from ..core.optional import available, require
from ..hub.files import HubOptions, file_itself, find_file, get_file
from ..loading.checkpoint import Checkpoint
from ..loading.formats import safetensors, torch_zip
from ..loading.report import fold

CONFIG_FILE = "adapter_config.json"
SAFE_FILE = "adapter_model.safetensors"
TORCH_FILE = "adapter_model.bin"
_PREFIX = "base_model.model."  # what peft's own wrapper puts before the names of a model's tensors


class LoadedAdapter(NamedTuple):
    """What `load_adapter` did not fit: names of the model that the file lacks, and of the file that the model lacks."""

    missing_keys: set[str]
    unexpected_keys: set[str]

    def to_dict(self) -> dict[str, Any]:
        """The table of `output_loading_info=True`."""
        return {**self._asdict(), "mismatched_keys": set(), "error_msgs": []}


class PeftAdapterMixin:
    """Adds adapters to a model. Each has a name, "default" where none is given; `peft_config` holds their configs by name.

    Raises, in every method: MissingDependency: peft is not installed, or nothing stands for the `transformers` it imports.
    """

    _hf_peft_config_loaded = False  # peft and trainers ask for it by this name
    _hotswap_options: dict[str, Any] | None = None
    peft_config: dict[str, Any]

    def add_adapter(self: Any, adapter_config: Any, adapter_name: str | None = None) -> None:
        """Put a new adapter into the model, to be trained, and use it: all other weights are frozen.

        Args:
            adapter_config: a `peft.PeftConfig`, such as `LoraConfig`.

        Raises:
            ArgumentError: the name is taken. InputError: the config is none of peft's.
        """
        name = self._free_name(adapter_name)
        if not isinstance(adapter_config, _peft().PeftConfig):
            kind = type(adapter_config).__name__
            raise InputError(f"adapter_config is a {kind}; expected a config of peft, such as peft.LoraConfig(...)")
        adapter_config.base_model_name_or_path = self.name_or_path
        self._inject(adapter_config, name)
        self._hf_peft_config_loaded = True
        self.set_adapter(name)

    def load_adapter(
        self: Any,
        peft_model_id: Any = None,
        adapter_name: str | None = None,
        peft_config: Any = None,
        adapter_state_dict: Mapping[str, torch.Tensor] | None = None,
        low_cpu_mem_usage: bool = False,
        is_trainable: bool = False,
        hotswap: bool | Literal["auto"] = "auto",
        local_files_only: bool = False,
        adapter_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> LoadedAdapter:
        """Put an adapter from a folder, from the hub, or from memory into the model. The first is used at once.

        Args:
            peft_model_id: folder or name on the hub that holds `adapter_config.json` and the weights.
            peft_config, adapter_state_dict: its config (of peft, or as a dictionary) and its tensors instead of files.
            low_cpu_mem_usage: make the adapter without memory of its own, which the tensors read take the place of.
            is_trainable: leave its weights to be trained; else they are frozen, and the model evaluates.
            hotswap: True puts the tensors in the place of those of the adapter `adapter_name`, which needs no compiling anew;
                "auto": where `enable_peft_hotswap` was called and the name is taken.
            adapter_kwargs, kwargs: the hub's keywords (`hub.files.HubOptions`).

        Raises:
            ArgumentError: the name is taken, or there is nothing to load. FileMissing, CorruptFile: the files cannot be had.
            LoadError: tensors are missing (with compat they start afresh, with a warning) or have other shapes.
        """
        hub, rest = HubOptions.split({"local_files_only": local_files_only, **kwargs, **(adapter_kwargs or {})})
        if rest:
            raise ArgumentError(f"load_adapter takes no argument {', '.join(map(repr, rest))}")
        if peft_model_id is None and (peft_config is None or adapter_state_dict is None):
            raise ArgumentError("pass the folder or the name of an adapter, or peft_config= and adapter_state_dict=")
        taken = self._hf_peft_config_loaded and (adapter_name or "default") in self.peft_config
        if hotswap == "auto":
            hotswap = taken and self._hotswap_options is not None
        config = _config(peft_model_id, hub) if peft_config is None else _as_config(peft_config)
        config.inference_mode = not is_trainable
        state = dict(_tensors(peft_model_id, hub) if adapter_state_dict is None else adapter_state_dict)
        state = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
        loaded: LoadedAdapter
        if hotswap:
            loaded = self._swap(self._name_in_use(adapter_name or "default"), config, state)
        else:
            name = self._free_name(adapter_name)
            self._inject(config, name, low_cpu_mem_usage=low_cpu_mem_usage)
            self._hf_peft_config_loaded = True
            loaded = self._fill(name, state, low_cpu_mem_usage, peft_model_id)
            if self._hotswap_options is not None and len(self.peft_config) == 1:
                swapping = require("peft.utils.hotswap", "enable_peft_hotswap")
                swapping.prepare_model_for_compiled_hotswap(self, config=config, **self._hotswap_options)
        if config.inference_mode:
            self.eval()
            for module in self._adapted():
                module.requires_grad_(False)
        return loaded

    def set_adapter(self: Any, adapter_name: str | list[str]) -> None:
        """Use one adapter, or several added up, and no other.

        Raises:
            ArgumentError: there is no adapter of this name.
        """
        for name in [adapter_name] if isinstance(adapter_name, str) else adapter_name:
            self._name_in_use(name)
        for module in self._adapted(also_saved=True):
            module.set_adapter(adapter_name)

    def disable_adapters(self: Any) -> None:
        """Compute as if no adapter were there, until `enable_adapters`."""
        self._switch(False)

    def enable_adapters(self: Any) -> None:
        """Undo `disable_adapters`."""
        self._switch(True)

    def active_adapters(self: Any) -> list[str]:
        """Names of the adapters in use."""
        self._check_any()
        active = next(self._adapted()).active_adapter
        return [active] if isinstance(active, str) else list(active)

    def get_adapter_state_dict(
        self: Any, adapter_name: str | None = None, state_dict: Mapping[str, torch.Tensor] | None = None
    ) -> dict[str, torch.Tensor]:
        """The tensors of an adapter, by default the one in use, from `state_dict`, by default the model's own."""
        name = self._name_in_use(adapter_name or self.active_adapters()[0])
        tensors: dict[str, torch.Tensor] = _peft().get_peft_model_state_dict(self, state_dict=state_dict, adapter_name=name)
        return tensors

    def delete_adapter(self: Any, adapter_names: str | list[str]) -> None:
        """Take adapters out of the model.

        Raises:
            ArgumentError: there is no adapter of this name.
        """
        delete = require("peft.functional", "delete_adapter").delete_adapter
        names = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        for name in names:
            self._name_in_use(name)
        for name in names:
            delete(self, adapter_name=name, prefix=f"{self.peft_config[name].peft_type.value.lower()}_")
            self.peft_config.pop(name, None)
        if not self.peft_config:
            del self.peft_config
            self._hf_peft_config_loaded = False

    def enable_peft_hotswap(
        self: Any, target_rank: int = 128, check_compiled: Literal["error", "warn", "ignore"] = "error"
    ) -> None:
        """Make the adapters that are loaded from now on (LoRA) fit for `hotswap`, up to the rank `target_rank`.

        Args:
            check_compiled: what to do where an adapter was loaded, or the model compiled, before.

        Raises:
            ArgumentError: there is an adapter already, or `check_compiled` is another word.
        """
        if check_compiled not in ("error", "warn", "ignore"):
            raise ArgumentError(f"check_compiled is {check_compiled!r:.60}; expected 'error', 'warn' or 'ignore'")
        if self._hf_peft_config_loaded and check_compiled != "ignore":
            message = "call enable_peft_hotswap before the first adapter is loaded, so that this one too fits later ones"
            if check_compiled == "error":
                raise ArgumentError(message)
            warn_once("late-hotswap", message)
        self._hotswap_options = {"target_rank": target_rank, "check_compiled": check_compiled}

    def _free_name(self, name: str | None) -> str:
        name = name or "default"
        if self._hf_peft_config_loaded and name in self.peft_config:
            raise ArgumentError(f"there is an adapter {name!r} already; pass another adapter_name, or delete_adapter({name!r})")
        return name

    def _name_in_use(self, name: str) -> str:
        self._check_any()
        if name not in self.peft_config:
            raise ArgumentError(f"there is no adapter {name!r:.60}; the model has {', '.join(map(repr, self.peft_config))}")
        return name

    def _check_any(self) -> None:
        if not self._hf_peft_config_loaded:
            raise ArgumentError(f"{type(self).__name__} has no adapter; add_adapter(...) or load_adapter(...) comes first")

    def _adapted(self: Any, also_saved: bool = False) -> Iterator[Any]:
        """The modules that hold adapters; `also_saved`: and those that an adapter brings whole."""
        kinds: Any = (require("peft.tuners.tuners_utils", "adapters").BaseTunerLayer,)
        if also_saved:
            kinds += (require("peft.utils", "adapters").ModulesToSaveWrapper,)
        return (module for module in self.modules() if isinstance(module, kinds))

    def _switch(self, on: bool) -> None:
        self._check_any()
        for module in self._adapted(also_saved=True):
            module.enable_adapters(enabled=on)

    def _inject(self: Any, config: Any, name: str, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # which is what a second adapter means
            try:
                _peft().inject_adapter_in_model(config, self, name, **options)
            except RuntimeError as error:  # what torch says on any device
                if "memory" not in str(error):
                    raise
                rank = vars(config).get("r")
                size = f"r={rank}" if rank is not None else "the sizes in its config"
                raise CapacityError(
                    f"no room for the adapter {name!r:.80} ({error}); lower {size}. Open the model anew"
                ) from error

    def _fill(self: Any, name: str, state: dict[str, torch.Tensor], low_cpu_mem_usage: bool, source: Any) -> LoadedAdapter:
        try:
            result = _peft().set_peft_model_state_dict(self, state, name, low_cpu_mem_usage=low_cpu_mem_usage)
        except (RuntimeError, KeyError) as error:
            raise LoadError(f"the tensors of the adapter {source or name} do not fit {type(self).__name__}: {error}") from error
        missing = {key for key in result.missing_keys if f".{name}." in f"{key}."}  # others are the model's own
        unexpected = set(result.unexpected_keys)
        if missing and not may_start_afresh():
            raise LoadError(f"the adapter {source or name} lacks {', '.join(fold(sorted(missing)))}")
        for what, keys in (("lacks what now starts afresh", missing), ("holds what has no place in the model", unexpected)):
            if keys:
                warn_once(f"adapter-{what}-{source}", f"the adapter {source or name} {what}: {', '.join(fold(sorted(keys)))}")
        return LoadedAdapter(missing, unexpected)

    def _swap(self: Any, name: str, config: Any, state: dict[str, torch.Tensor]) -> LoadedAdapter:
        swapping = require("peft.utils.hotswap", "hotswap")
        swapping.check_hotswap_configs_compatible(self.peft_config[name], config)
        here = re.compile(rf"\.{re.escape(name)}(?=\.|$)")  # in the names of the model, not in those of a file
        names = {here.sub("", key): key for key in self.state_dict()}
        state = {names.get(key, key): tensor for key, tensor in state.items()}
        try:
            swapping.hotswap_adapter_from_state_dict(self, state, adapter_name=name, config=config)
        except RuntimeError as error:
            raise LoadError(f"the tensors cannot take the place of the adapter {name!r}: {error}") from error
        return LoadedAdapter(set(), set())


def adapter_and_base(name_or_path: Any, hub: HubOptions, adapter_kwargs: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """What `name_or_path` holds of an adapter (it itself, or None), and where the model is that the adapter is for.

    A folder with a model and an adapter is both. Nothing is looked for where peft is not installed, save in a folder that holds
    no model.

    Raises:
        MissingDependency: it holds an adapter alone, and peft is not installed. CorruptFile: its config names no model.
    """
    if name_or_path is None or file_itself(name_or_path) is not None:
        return None, name_or_path
    with_model = Path(name_or_path, "config.json").is_file()
    if not available("peft") and (with_model or not Path(name_or_path, CONFIG_FILE).is_file()):
        return None, name_or_path
    file = find_file(name_or_path, CONFIG_FILE, replace(hub, **(adapter_kwargs or {})))
    if file is None or with_model:
        return (None if file is None else name_or_path), name_or_path
    require("peft", f"the adapter in {name_or_path}")
    values = read_json(file)
    base = values.get("base_model_name_or_path") if isinstance(values, dict) else None
    if not isinstance(base, str) or not base:
        raise CorruptFile(
            f"{file} names no base_model_name_or_path: open that model, then model.load_adapter({name_or_path!r})"
        )
    return name_or_path, base


def save_adapter(
    model: Any, folder: Path, state_dict: Mapping[str, torch.Tensor] | None, safe_serialization: bool, save_peft_format: bool
) -> list[Path]:
    """Write the adapter in use into `folder`: its config and, in one file, its tensors; nothing of the model itself.

    Args:
        save_peft_format: names as peft's wrapper has them, which it opens too.

    Raises:
        ArgumentError: several adapters are in use.
    """
    active = model.active_adapters()
    if len(active) > 1:
        raise ArgumentError(
            f"adapters {', '.join(active)} are in use, and a folder holds one: set_adapter(...), then save each"
        )
    prefix = _PREFIX if save_peft_format else ""
    state = {prefix + name: tensor for name, tensor in model.get_adapter_state_dict(state_dict=state_dict).items()}
    name, other = (SAFE_FILE, TORCH_FILE) if safe_serialization else (TORCH_FILE, SAFE_FILE)
    with replacing(folder / name) as path:
        if safe_serialization:
            safetensors.write(path, state, state.__getitem__, {"format": "pt"})
        else:
            torch_zip.write(path, state, state.__getitem__)
    (folder / other).unlink(missing_ok=True)
    model.peft_config[active[0]].save_pretrained(folder)
    return [folder / name, folder / CONFIG_FILE]


def _peft() -> Any:
    if not available("transformers"):
        raise MissingDependency("peft imports transformers: bestiary.compat.install(), called first, lets this library be it")
    return require("peft", "an adapter")


def _config(name_or_path: Any, hub: HubOptions) -> Any:
    return _as_config(read_json(get_file(name_or_path, CONFIG_FILE, hub)))


def _as_config(values: Any) -> Any:
    if isinstance(values, _peft().PeftConfig):
        return values
    if not isinstance(values, dict):
        raise CorruptFile(f"the config of an adapter is a {type(values).__name__}; expected a table with peft_type, ...")
    try:
        return _peft().PeftConfig.from_peft_type(**values)
    except (TypeError, ValueError, KeyError) as error:
        raise CorruptFile(f"the config of an adapter is none that this peft knows: {error}") from error


def _tensors(name_or_path: Any, hub: HubOptions) -> dict[str, torch.Tensor]:
    names = (SAFE_FILE, TORCH_FILE)
    files: Iterable[Path | None] = (find_file(name_or_path, name, hub) for name in names)
    file = next((file for file in files if file is not None), None)
    if file is None:
        raise FileMissing(f"there are no weights of an adapter in {name_or_path}: looked for {' and '.join(names)}")
    checkpoint = Checkpoint.open(file)
    return {key: checkpoint.tensor(key) for key in checkpoint.keys}

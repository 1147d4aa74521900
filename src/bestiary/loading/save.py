"""Weights are written beside the old ones and take their place only when all of them are on the disk."""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ..core.errors import CorruptFile, InputError, SaveError, UnsafeFile
from ..core.files import folder_to_fill, read_json, replacing, write_json
from ..core.sizes import parse_size, show_size
from .checkpoint import SAFE_NAME, TORCH_NAME, Checkpoint, index_name, read_weight_map, with_variant
from .formats import safetensors, torch_zip
from .report import LoadReport, fold
from .rules import Rule, on_save
from .slots import distinct, slots_of

Read = Callable[[str], torch.Tensor]
Write = Callable[[Path, Mapping[str, torch.Tensor], Read], None]


def save_weights(
    state: Mapping[str, torch.Tensor],
    folder: str | os.PathLike[str],
    *,
    max_shard_size: int | str = "50GB",
    safe_serialization: bool = True,
    tied: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    renames: Sequence[Rule] = (),
    variant: str | None = None,
    fetch: Callable[[str], torch.Tensor] | None = None,
) -> list[Path]:
    """Write `state` into `folder` as one file, or as shards and an index when it is larger than `max_shard_size`.

    Shards are filled in the order of `state`; a tensor larger than the limit gets a file of its own. Old weights in the
    folder, in whatever number of files, stay untouched until the new ones are complete, and are removed then.

    Args:
        tied: target -> source; a target is not written where its tensor equals the source's.
        safe_serialization: False writes `pytorch_model.bin` files.
        renames: rules of the checkpoint's family; files get the stored names and layouts.
        fetch: gives by name the data of tensors that `state` holds without data (offloaded ones).

    Returns: the files written, the index last.

    Raises:
        SaveError: not enough space (says how many bytes are needed and free), a tensor without data, or a tie whose two
            sides differ, of which one would be lost. The folder is as it was.
    """
    if odd := [f"{key!r:.60} ({type(value).__name__})" for key, value in state.items() if not _is_entry(key, value)]:
        raise InputError(f"a state_dict holds tensors by name; found {', '.join(odd[:5])}")
    read = fetch or state.__getitem__
    rows = {name: len(tensor) for name, tensor in state.items() if tensor.dim()}
    recipes = on_save(renames, without_ties(state, tied or {}, fetch), rows)
    shapes = {name: recipe.build(lambda key: torch.empty_like(state[key], device="meta")) for name, recipe in recipes.items()}
    name = with_variant(SAFE_NAME if safe_serialization else TORCH_NAME, variant)
    shards = _name_shards(split(shapes, parse_size(max_shard_size)), name)
    total = sum(tensor.nbytes for tensor in shapes.values())
    target = folder_to_fill(folder)
    needed_bytes = total + sum(256 + len(key) for key in shapes)
    if (free := shutil.disk_usage(target).free) < needed_bytes:
        raise SaveError(
            f"the weights need {needed_bytes} bytes ({show_size(needed_bytes)}), {target} has {free} free; nothing was written"
        )
    write = _writer(safe_serialization, {"format": "pt", **(metadata or {})})
    index = target / index_name(SAFE_NAME if safe_serialization else TORCH_NAME, variant)
    try:
        with ExitStack() as stack:
            for file, keys in shards.items():
                path = stack.enter_context(replacing(target / file))
                write(path, {key: shapes[key] for key in keys}, lambda key: recipes[key].build(read))
            if index.is_file():
                _step_aside(index, set(shards))
    except SaveError as error:
        raise SaveError(f"{error}. {needed_bytes} bytes are needed in {target}") from error
    written = [target / file for file in shards]
    if len(shards) > 1:
        weight_map = {key: file for file, keys in shards.items() for key in keys}
        parameters = sum(tensor.numel() for tensor in shapes.values())
        write_json(index, {"metadata": {"total_parameters": parameters, "total_size": total}, "weight_map": weight_map})
        written.append(index)
    _remove_stale(target, written, variant)
    return written


def _is_entry(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, torch.Tensor)


def split(state: Mapping[str, torch.Tensor], limit: int) -> list[list[str]]:
    """Names in order, cut so that each part holds at most `limit` bytes; a tensor beyond it is a part of its own."""
    parts: list[list[str]] = []
    current: list[str] = []
    used = 0
    for name, tensor in state.items():
        if tensor.nbytes > limit:
            parts.append([name])
            continue
        if current and used + tensor.nbytes > limit:
            parts.append(current)
            current, used = [], 0
        current.append(name)
        used += tensor.nbytes
    return [*parts, current] if current or not parts else parts


def _name_shards(parts: list[list[str]], name: str) -> dict[str, list[str]]:
    stem, _, suffix = name.partition(".")
    if len(parts) == 1:
        return {name: parts[0]}
    return {f"{stem}-{index:05d}-of-{len(parts):05d}.{suffix}": keys for index, keys in enumerate(parts, start=1)}


def _writer(safe: bool, metadata: Mapping[str, str]) -> Write:
    if not safe:
        return torch_zip.write
    return lambda path, shapes, read: safetensors.write(path, shapes, read, metadata)


def without_ties(state: Mapping[str, torch.Tensor], tied: Mapping[str, str], fetch: Read | None) -> list[str]:
    """The names to write. A target of a tie is left out where it equals its source."""
    if fetch is None and (empty := [name for name, tensor in state.items() if tensor.is_meta]):
        raise SaveError(f"{', '.join(fold(empty))} have no data (they are on the meta device); nothing written")
    if odd := [f"{name} ({tensor.dtype})" for name, tensor in state.items() if tensor.dtype not in safetensors.NAMES]:
        raise SaveError(f"{', '.join(odd)}: a dtype that the safetensors format does not know; nothing written")
    pairs = {target: source for target, source in tied.items() if target in state and source in state}
    for target, source in pairs.items():
        a, b = state[target], state[source]
        if a is b or (not a.is_meta and a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride()):
            continue
        if fetch is not None:
            a, b = fetch(target), fetch(source)
        if a.shape != b.shape or not torch.equal(a.to(b.device), b):
            raise SaveError(
                f"{target} and {source} are declared tied but differ, so one would be lost; nothing written. "
                "Tie them again (tie_weights()) or declare them untied in the config (tie_word_embeddings=False)"
            )
    return [name for name in state if name not in pairs]


def _step_aside(index: Path, files: set[str]) -> None:
    """Rename old shards that are about to be replaced, in the old index too, so that the old weights stay readable."""
    try:
        values, indexed = read_json(index), set(read_weight_map(index).values())
    except (CorruptFile, UnsafeFile):
        return  # nothing whole to keep
    old_names: dict[str, str] = {}
    for file in sorted(name for name in files & indexed if (index.parent / name).is_file()):
        path = index.parent / file
        old_names[file] = f"{path.stem}.old{path.suffix}"
        second = index.parent / old_names[file]
        second.unlink(missing_ok=True)
        try:
            os.link(path, second)
        except OSError:  # a file system without hard links
            shutil.copy2(path, second)
    values["weight_map"] = {key: old_names.get(file, file) for key, file in values["weight_map"].items()}
    write_json(index, values)


def _remove_stale(folder: Path, written: Sequence[Path], variant: str | None) -> None:
    """One folder holds one set of weights (for each variant), and nothing of saves that were killed."""
    dot = f".{re.escape(variant)}" if variant else ""
    ours = re.compile(
        rf"\.?(model|pytorch_model)(-\d{{5}}-of-\d{{5}})?{dot}(\.old)?\.(safetensors|bin)(\..*\.partial)?"
        rf"|(model\.safetensors|pytorch_model\.bin)\.index{dot}\.json"
    )
    for path in folder.iterdir():
        if ours.fullmatch(path.name) and path not in written:
            path.unlink()


class IncompatibleKeys(NamedTuple):
    """Names of the model that the files lack, and keys of the files that the model has no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_sharded_checkpoint(
    model: nn.Module, folder: str | os.PathLike[str], strict: bool = True, prefer_safe: bool = True
) -> IncompatibleKeys:
    """`load_state_dict` for a folder of shards with an index; `model` is changed in place, one tensor at a time.

    Raises:
        InputError: the folder has no index.
        LoadError: with `strict`, keys are missing or unexpected, and in any case shapes differ; nothing was changed then.
    """
    names = [name for name in (SAFE_NAME, TORCH_NAME) if (Path(folder) / index_name(name)).is_file()]
    if not names:
        raise InputError(f"{folder} holds neither {index_name(SAFE_NAME)} nor {index_name(TORCH_NAME)}")
    checkpoint = Checkpoint.open_index(folder, names[0] if prefer_safe else names[-1])
    slots = {name: slot for name, slot in slots_of(model).items() if slot.persistent}
    report = LoadReport(str(folder), unexpected=[key for key in checkpoint.keys if key not in slots])
    for slot in distinct(slots):
        present = [name for name in slot.names if name in checkpoint.keys]
        if not present:
            report.missing.append(slot.name)
        elif checkpoint.keys[present[0]].shape != slot.tensor.shape:
            report.mismatched.append((slot.name, checkpoint.keys[present[0]].shape, tuple(slot.tensor.shape)))
    if strict or report.mismatched:
        report.raise_if_bad(strict)
    with torch.no_grad():
        for key in checkpoint.keys:
            if key in slots:
                slots[key].tensor.copy_(checkpoint.tensor(key))
                checkpoint.drop(key)
    return IncompatibleKeys(report.missing, report.unexpected)

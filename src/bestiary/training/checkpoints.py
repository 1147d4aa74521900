"""The folders in which a training keeps itself: each is whole, or it is not there."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..core.errors import CorruptFile, SaveError
from ..core.files import read_json, write_json
from ..core.logging import get_logger

logger = get_logger(__name__)

PREFIX_CHECKPOINT_DIR = "checkpoint"
TRAINING_ARGS_NAME = "training_args.bin"
TRAINER_STATE_NAME = "trainer_state.json"
OPTIMIZER_NAME = "optimizer.pt"
OPTIMIZER_NAME_BIN = "optimizer.bin"
SCHEDULER_NAME = "scheduler.pt"
SCALER_NAME = "scaler.pt"
# What else an exact continuation needs: the place in the data, sums that are not logged yet.
PROGRESS_NAME = "progress.json"
# The digest of every file, and the run that wrote them; the last file to be written.
DIGESTS_NAME = "digests.json"
# Folders that this process is writing.
_writing: set[str] = set()


def get_last_checkpoint(folder: str) -> str | None:
    """The newest whole folder `checkpoint-STEP` in `folder`, or None where there is none.

    A folder whose files are not those that were written is passed over with a warning.
    """
    for path in reversed(checkpoints_in(folder)):
        fault = fault_of(path)
        if fault is None:
            return str(path)
        logger.warning("%s is passed over: %s", path, fault)
    return None


def checkpoints_in(folder: str | os.PathLike[str]) -> list[Path]:
    """The folders `checkpoint-STEP` in `folder`, by step."""
    paths = [path for path in Path(folder).iterdir() if path.is_dir() and _step(path) is not None]
    return sorted(paths, key=lambda path: _step(path) or 0)


def _step(path: Path) -> int | None:
    match = re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)", path.name)
    return int(match[1]) if match else None


def fault_of(checkpoint: str | os.PathLike[str]) -> str | None:
    """What is wrong with the files of a checkpoint, or None. One without digests, of another library, is taken as it is."""
    path = Path(checkpoint)
    listed = path / DIGESTS_NAME
    if not listed.is_file():
        return None if (path / TRAINER_STATE_NAME).is_file() else f"it holds no {TRAINER_STATE_NAME}"
    try:
        digests = read_json(listed)["files"]
    except (CorruptFile, KeyError, TypeError):
        return f"{DIGESTS_NAME} cannot be read"
    if not isinstance(digests, dict):
        return f"{DIGESTS_NAME} lists no files"
    for name, digest in digests.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if _digest(path / name) != digest:
            return f"{name} is not what was written"
    return None


def written_by(checkpoint: Path) -> str | None:
    """The run that wrote a checkpoint; None for one of another library."""
    try:
        listed = read_json(checkpoint / DIGESTS_NAME)
    except (CorruptFile, OSError):
        return None
    return listed.get("run") if isinstance(listed, dict) else None


def check_step(checkpoint: Path, step: int) -> None:
    """Refuse a state of another step than the checkpoint's folder says.

    Raises:
        CorruptFile: so many words.
    """
    named = _step(checkpoint)
    if not 0 <= step < 2**63 or (named is not None and named != step):
        raise CorruptFile(
            f"{checkpoint / TRAINER_STATE_NAME} says that {step!s:.40} updates were made, which is not what the folder's name"
            " says; go on from another checkpoint"
        )


@contextmanager
def new_checkpoint(folder: Path, step: int, run: str, needed: int = 0) -> Iterator[Path]:
    """Yield a folder to write into, which becomes `checkpoint-STEP` when the block ends; on an error it is removed.

    Args:
        run: a name of the run, for `written_by`. needed: bytes that will be written, about.

    Raises:
        SaveError: there is not enough room, or a file could not be written; former checkpoints are as they were.
    """
    target = folder / f"{PREFIX_CHECKPOINT_DIR}-{step}"
    mark = f"{os.getpid()}-{uuid4().hex[:8]}"
    partial = folder / f".{target.name}.{mark}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise SaveError(f"{target} needs about {needed:,} bytes, and {free:,} are free; former checkpoints are unchanged")
        _writing.add(partial.name)  # before it is there, for another thread would take it for what a killed save left
        partial.mkdir()
        yield partial
        if not partial.is_dir():
            raise OSError(f"another training writes into {folder}: give each an output_dir of its own")
        files = sorted(path for path in partial.rglob("*") if path.is_file())
        for path in files:
            _flush(path)
        write_json(
            partial / DIGESTS_NAME, {"run": run, "files": {str(path.relative_to(partial)): _digest(path) for path in files}}
        )
        _flush(partial)
        _put_in_place(partial, target, folder / f".{target.name}.{mark}.replaced")
        _flush(folder)
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise SaveError(f"{target} was not written ({why}); former checkpoints are unchanged") from error
    finally:
        _writing.discard(partial.name)
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, target: Path, aside: Path) -> None:
    """Rename a folder; one that is there steps aside, so that there is no moment without one of the two.

    Raises:
        OSError: another training takes the place again and again, or removed the folder.
    """
    for _ in range(8):
        with suppress(FileNotFoundError):
            target.rename(aside)
        try:
            partial.rename(target)
        except OSError as error:
            if not partial.exists():
                break
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            continue
        finally:
            if target.exists():
                shutil.rmtree(aside, ignore_errors=True)
        return
    raise OSError(f"another training writes into {target.parent}: give each an output_dir of its own")


def _is_alive(name: str) -> bool:
    """Whether the folder of this name is being written now, by a process of this machine."""
    if name in _writing:
        return True
    match = re.fullmatch(r".*\.(\d{1,9})-[0-9a-f]{8}\.\w+", name)
    if match is None or int(match[1]) == os.getpid() or os.name == "nt":  # where it cannot be asked
        return False
    try:
        os.kill(int(match[1]), 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def remove_partial(folder: str | os.PathLike[str]) -> None:
    """Remove what saves that were cut short left in `folder`, and put a checkpoint back that was about to be replaced."""
    for path in list(Path(folder).glob(f".{PREFIX_CHECKPOINT_DIR}-*")) if Path(folder).is_dir() else ():
        name, _, rest = path.name.removeprefix(".").partition(".")
        kind = rest.rpartition(".")[2]
        if kind == "replaced" and not (path.parent / name).exists():
            path.rename(path.parent / name)
        elif kind in ("partial", "replaced") and not _is_alive(path.name):
            shutil.rmtree(path, ignore_errors=True)


def rotate(folder: Path, limit: int | None, run: str, best: str | None) -> None:
    """Remove the oldest checkpoints of this run beyond `limit`, never the newest or the best."""
    if limit is None:
        return
    ours = [path for path in checkpoints_in(folder) if written_by(path) == run]
    keep = {path.resolve() for path in (*ours[-1:], *([Path(best)] if best else ()))}
    removable = [path for path in ours if path.resolve() not in keep]
    for path in removable[: max(0, len(ours) - max(limit, len(keep)))]:
        logger.info("Removing the checkpoint %s, for save_total_limit is %d", path, limit)
        shutil.rmtree(path, ignore_errors=True)


def bytes_of(values: Any) -> int:
    """Bytes of all tensors in a nested state."""
    import torch

    if isinstance(values, torch.Tensor):
        return values.numel() * values.element_size()
    parts = values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else ()
    return sum(map(bytes_of, parts))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

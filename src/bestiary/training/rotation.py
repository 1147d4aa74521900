"""Checkpoints of a folder in their order, and the removal of old ones, whoever wrote them; `Trainer` removes only its own."""

import os
import re
import shutil
from pathlib import Path

from .checkpoints import PREFIX_CHECKPOINT_DIR


def sort_checkpoints(
    output_dir: str,
    checkpoint_prefix: str = PREFIX_CHECKPOINT_DIR,
    use_mtime: bool = False,
    best_model_checkpoint: str | None = None,
) -> list[str]:
    """The folders `checkpoint-STEP` in `output_dir`, from the first step to the last.

    Args:
        checkpoint_prefix: what stands instead of `checkpoint`. use_mtime: by the time they were changed instead.
        best_model_checkpoint: comes last but one, unless it is the last, so that old ones may be removed from the front.
    """
    folders = [path for path in Path(output_dir).glob(f"{checkpoint_prefix}-*") if path.is_dir()]
    if use_mtime:
        ranked = [(path.stat().st_mtime, str(path)) for path in folders]
    else:
        matches = ((re.search(rf"{re.escape(checkpoint_prefix)}-(\d+)$", path.name), str(path)) for path in folders)
        ranked = [(float(match[1]), path) for match, path in matches if match]
    paths = [path for _, path in sorted(ranked)]
    best = None if best_model_checkpoint is None else str(Path(best_model_checkpoint))
    if best in paths[:-2]:
        paths.remove(best)
        paths.insert(-1, best)
    return paths


def rotate_checkpoints(
    output_dir: str,
    save_total_limit: int | None = None,
    best_model_checkpoint: str | None = None,
    use_mtime: bool = False,
    checkpoint_prefix: str = PREFIX_CHECKPOINT_DIR,
) -> None:
    """Remove the oldest of these folders, so that `save_total_limit` are left; the newest and the best always are.

    Args:
        save_total_limit: None, 0 or less: none is removed. use_mtime, checkpoint_prefix: as of `sort_checkpoints`.
    """
    if save_total_limit is None or save_total_limit <= 0:
        return
    paths = sort_checkpoints(output_dir, checkpoint_prefix, use_mtime)
    best = None if best_model_checkpoint is None else os.path.normpath(best_model_checkpoint)
    kept = {paths[-1], *(path for path in paths if os.path.normpath(path) == best)} if paths else set()
    surplus = len(paths) - max(save_total_limit, len(kept))
    for path in [path for path in paths if path not in kept][: max(0, surplus)]:
        shutil.rmtree(path, ignore_errors=True)

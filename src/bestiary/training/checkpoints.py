"""The folders and files in which a training keeps itself."""

import re
from pathlib import Path

PREFIX_CHECKPOINT_DIR = "checkpoint"
TRAINING_ARGS_NAME = "training_args.bin"
TRAINER_STATE_NAME = "trainer_state.json"
OPTIMIZER_NAME = "optimizer.pt"
OPTIMIZER_NAME_BIN = "optimizer.bin"
SCHEDULER_NAME = "scheduler.pt"
SCALER_NAME = "scaler.pt"


def get_last_checkpoint(folder: str) -> str | None:
    """The folder `checkpoint-STEP` of the latest step in `folder`, or None where there is none."""
    steps = {int(path.name.rpartition("-")[2]): path for path in Path(folder).iterdir() if _is_checkpoint(path)}
    return str(steps[max(steps)]) if steps else None


def _is_checkpoint(path: Path) -> bool:
    return path.is_dir() and re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-\d+", path.name) is not None

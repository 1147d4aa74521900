"""Folders for what tests make once and share: removed when the process ends."""

import atexit
import shutil
import tempfile
from pathlib import Path


def kept_folder(name: str) -> Path:
    """A new folder that lives as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder

"""The model that ships inside the package."""

from importlib.resources import files
from pathlib import Path

from ..core.errors import FileMissing


def embedded_model_path() -> Path:
    """The folder of the small model that text generation uses when no model is named: a demonstration, which writes Python.

    Raises:
        FileMissing: this installation has none.
    """
    folder = Path(str(files("bestiary"))) / "embedded"
    if not (folder / "config.json").is_file():
        raise FileMissing(f"there is no embedded model in {folder}; pass model= with a folder or a name on the hub")
    return folder

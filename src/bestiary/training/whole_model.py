"""What is written of a trained model so that it can be opened again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import folder_to_fill
from ..loading.save import save_weights
from .checkpoints import TRAINING_ARGS_NAME
from .sharding.weights import as_itself
from .stored_state import write_state


def save_beside(processing_class: Any, args: Any, folder: Path) -> None:
    """Write what stands beside weights: the tokenizer or processor, and a table of the arguments."""
    if hasattr(processing_class, "save_pretrained"):
        processing_class.save_pretrained(folder)
    write_state(args.to_dict(), folder / TRAINING_ARGS_NAME)


def save_whole_model(
    model: Any, processing_class: Any, args: Any, output_dir: str | Path, state_dict: Mapping[str, Any] | None = None
) -> None:
    """Write a model and what stands beside its weights into a folder.

    Args:
        state_dict: weights to write instead of the model's own.
    """
    folder = folder_to_fill(output_dir)
    with as_itself(model):
        if hasattr(model, "save_pretrained"):
            model.save_pretrained(folder, **({} if state_dict is None else {"state_dict": state_dict}))
        else:
            save_weights(model.state_dict() if state_dict is None else state_dict, folder)
    save_beside(processing_class, args, folder)

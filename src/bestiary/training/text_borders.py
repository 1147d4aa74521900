"""How `Trainer` tells a model where the texts of a packed row begin."""

import copy
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.signatures import is_of_the_library
from ..modeling.base import PreTrainedModel
from ..modeling.packing import why_texts_cannot_share_rows
from .collators.flattening import DataCollatorWithFlattening
from .losses import shifts_labels


def with_text_borders(collate: Callable[[list[Any]], Any], model: Any) -> Callable[[list[Any]], Any]:
    """The collator, or, where it packs rows for a model of this library, one like it that says where texts begin.

    Then the model counts positions by itself, and where it compares labels at their own places, none is left out.

    Raises:
        ArgumentError: the model needs a row for each text.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not isinstance(collate, DataCollatorWithFlattening) or not isinstance(inner, PreTrainedModel):
        return collate
    if not is_of_the_library(type(inner).forward):
        return collate
    why = why_texts_cannot_share_rows(inner)
    if why:
        raise ArgumentError(
            f"{type(inner).__name__} cannot be trained with {type(collate).__name__}: several texts would share a row,"
            f" and {why}. Take DataCollatorWithPadding, or the collator of the task"
        )
    telling = copy.copy(collate)
    telling.return_seq_idx = True
    telling.return_position_ids = collate.return_position_ids and collate.position_ids_start != 0
    telling.separates_labels = shifts_labels(inner)
    return telling

"""Padding and batching change nothing: each row gives alone what it gives in a padded batch, on either side."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from kit.families import Pair, cases, close, each, every_head, one_each

from bestiary.core.logging import BestiaryWarning


def reads_padded_text(inputs: dict[str, Any]) -> bool:
    """Whether rows of text go in whose padding a mask hides; with images, rows meet in the output."""
    return {"input_ids", "attention_mask"} <= inputs.keys() and inputs["input_ids"].dim() == 2 and "pixel_values" not in inputs


TEXT = [row for row in every_head() if reads_padded_text(cases()[row[0]].heads[row[1]].inputs())]


def some_rows(models: Pair) -> list[torch.Tensor]:
    """Rows (1, T) of different length."""
    torch.manual_seed(3)
    rows = [torch.randint(5, 90, (1, length)) for length in (9, 4, 6)]
    end = models.ours.config.get_text_config().eos_token_id
    if isinstance(end, int):  # heads that pool at the end of the text need one
        for row in rows:
            row[0, -1] = end
    return rows


def padded(models: Pair, rows: list[torch.Tensor], side: str) -> tuple[dict[str, Any], list[slice]]:
    """The batch that `rows` make when padded on `side`, and where each row is in it."""
    longest, pad = max(row.shape[1] for row in rows), models.ours.config.get_text_config().pad_token_id or 0
    ids, mask = torch.full((len(rows), longest), pad), torch.zeros(len(rows), longest, dtype=torch.long)
    places = []
    for index, row in enumerate(rows):
        length = row.shape[1]
        place = slice(0, length) if side == "right" else slice(longest - length, longest)
        ids[index, place], mask[index, place] = row[0], 1
        places.append(place)
    return {"input_ids": ids, "attention_mask": mask}, places


@each([row for row in TEXT if not cases()[row[0]].reads_padding])
@torch.no_grad()
def test_rows_alone_equal_rows_in_a_padded_batch(models: Pair) -> None:
    rows = some_rows(models)
    # Token types, places and languages of tokens belong to the rows they came with.
    beside = {name: value for name, value in models.inputs.items() if not name.endswith(("_mask", "_ids"))}
    others = {name: value[:1] for name, value in beside.items() if value.shape != models.inputs["input_ids"].shape}
    others |= {name: value[:1] for name, value in models.inputs.items() if name.startswith(("decoder_", "encoder_"))}
    repeated = {name: value.expand(3, *value.shape[1:]) for name, value in others.items()}
    alone = [models.ours(input_ids=row, attention_mask=torch.ones_like(row), **others) for row in rows]
    for side in ("left", "right"):
        batch, places = padded(models, rows, side)
        together, compared = models.ours(**batch, **repeated), 0
        for index, (row, place) in enumerate(zip(rows, places, strict=True)):
            for name, value in alone[index].items():
                if not isinstance(value, torch.Tensor) or value.dim() == 0 or value.shape[0] != 1:
                    continue
                mine = together[name][index : index + 1]
                mine = mine - place.start if name.endswith("_index") else mine  # places count from the start of the batch
                of_tokens = value.dim() > 1 and value.shape[1] == row.shape[1] and mine.shape[1] == batch["input_ids"].shape[1]
                close(mine[:, place] if of_tokens else mine, value, f"{name} of row {index}, padded on the {side}")
                compared += 1
        assert compared >= 3


@each(TEXT)
@torch.no_grad()
def test_padding_without_a_mask_is_told(models: Pair) -> None:
    if models.ours.config.pad_token_id is None or models.ours.config.pad_token_id == models.ours.config.eos_token_id:
        pytest.skip("this family has no padding token of its own")
    batch, _ = padded(models, some_rows(models), "right")
    inputs = {**models.inputs, "input_ids": batch["input_ids"], "attention_mask": None}
    with nullcontext() if models.head.hides_padding else pytest.warns(BestiaryWarning, match="padding token"):
        output = models.ours(**inputs)
    close(output[0], models.reference(**inputs)[0])


@each(one_each(TEXT))
@torch.no_grad()
def test_ids_outside_the_vocabulary_are_named(models: Pair) -> None:
    ids = models.inputs["input_ids"].clone()
    ids[0, 0] = 99_999
    with pytest.raises(ValueError, match="99999, outside of the vocabulary"):
        models.ours(**{**models.inputs, "input_ids": ids})

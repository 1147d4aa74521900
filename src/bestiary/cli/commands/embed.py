"""`bestiary embed`: texts to vectors, one line of JSON each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .. import console, streams
from ..options import Opening


class Pooling(StrEnum):
    """How the states of the tokens become one vector."""

    mean = "mean"
    cls = "cls"
    last = "last"


def run(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any (or with -) the lines of stdin.")] = None,
    *,
    opening: Opening,
    file: Annotated[Path | None, typer.Option(help="A file with a text on each line.")] = None,
    pooling: Annotated[Pooling, typer.Option(help="Mean over the tokens, the first token, or the last.")] = Pooling.mean,
    normalize: Annotated[bool, typer.Option("--normalize", help="Scale each vector to length 1.")] = False,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows of a batch. By default chosen by length.")] = None,
) -> None:
    """Print a line {"text": ..., "embedding": [...]} for each text, in order."""
    inputs = streams.texts(texts or [], file, "texts")
    pipeline = opening.pipeline("feature-extraction")
    options = {} if batch_size is None else {"batch_size": batch_size}
    with console.working(f"embedding {len(inputs)} texts"):
        vectors = pipeline(inputs, pool=pooling.value, return_tensors=True, truncation=True, **options)
    for text, vector in zip(inputs, vectors, strict=True):
        row = vector[0].float()
        row = row / row.norm().clamp(min=1e-12) if normalize else row
        console.write_json({"text": text, "embedding": row.tolist()})

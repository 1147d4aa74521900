"""`bestiary transcribe`: audio files to text."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import FileMissing
from .. import console
from ..options import Json, Opening


class Timestamps(StrEnum):
    """What gets times: each segment, or each word."""

    none = "none"
    segment = "segment"
    word = "word"


class Task(StrEnum):
    """What is written: the language spoken, or English."""

    transcribe = "transcribe"
    translate = "translate"  # type: ignore[assignment]  # str has a method of this name


def run(
    files: Annotated[list[Path], typer.Argument(help="Audio files of any length.")],
    *,
    opening: Opening,
    timestamps: Annotated[Timestamps, typer.Option(help="Print times of segments or of words.")] = Timestamps.none,
    language: Annotated[str | None, typer.Option(help="Spoken language (en, german). By default it is recognised.")] = None,
    task: Annotated[Task | None, typer.Option(help="Write what is said, or its English translation.")] = None,
    json: Json = False,
) -> None:
    """Print what is said in each file; several files get their names before their texts."""
    for file in files:
        if not file.is_file():
            raise FileMissing(f"there is no file {file}")
    options: dict[str, Any] = {"language": language, "task": task and task.value}
    options = {name: value for name, value in options.items() if value is not None}
    times = {Timestamps.none: None, Timestamps.segment: True, Timestamps.word: "word"}[timestamps]
    call: dict[str, Any] = {} if times is None else {"return_timestamps": times}
    pipeline = opening.pipeline("automatic-speech-recognition")
    for file in console.tracked(files, "transcribing", len(files)):
        answer = pipeline(str(file), **call, **({"generate_kwargs": options} if options else {}))
        _show(file, answer, json, several=len(files) > 1)


def _show(file: Path, answer: dict[str, Any], json: bool, several: bool) -> None:
    if json:
        chunks = {"chunks": [dict(chunk) for chunk in answer["chunks"]]} if "chunks" in answer else {}
        console.write_json({"file": str(file), "text": answer["text"], **chunks})
        return
    if several:
        print(f"{file}:")
    if "chunks" not in answer:
        print(answer["text"].strip())
    for chunk in answer.get("chunks", ()):
        start, end = ("?" if second is None else f"{second:.2f}" for second in chunk["timestamp"])
        print(f"[{start} -> {end}] {chunk['text'].strip()}")

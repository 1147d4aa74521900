"""`bestiary generate`: continue a prompt, streamed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import ConfigError
from .. import console, streams
from ..options import OpeningOrEmbedded, Stats
from ..sampling import Sampling, fitting


def run(
    prompt: Annotated[str | None, typer.Argument(help="The text to continue; without it (or with -) stdin is read.")] = None,
    *,
    opening: OpeningOrEmbedded,
    sampling: Sampling,
    json_schema: Annotated[str | None, typer.Option(help="Answer in JSON that this schema allows (a file, or JSON).")] = None,
    regex: Annotated[str | None, typer.Option(help="Answer with a text that matches this pattern from end to end.")] = None,
    only_new: Annotated[bool, typer.Option("--only-new", help="Leave the prompt out of the output.")] = False,
    stats: Stats = False,
) -> None:
    """Continue PROMPT and print the text as it comes."""
    settings = sampling.keywords() | _constraint(json_schema, regex)
    text = _text(prompt)
    task = _task(opening.model, opening.revision)
    pipeline = opening.pipeline(task)
    if sampling.max_new_tokens is None:
        settings["max_new_tokens"] = fitting(pipeline.model, len(pipeline.tokenizer(text, verbose=False)["input_ids"]))
    from ..printer import Printer

    printer = Printer(pipeline.tokenizer, before=text if task == "text-generation" and not only_new else "")
    try:
        [answer] = pipeline(text, streamer=printer, return_details=True, **settings)
    except BaseException:
        if printer.has_printed:
            streams.write("\n")  # what went wrong gets a line of its own
        raise
    streams.write("\n")
    if stats:
        console.remark(printer.stats())
    if answer["finish_reason"] == "length":
        console.note("(cut at the limit; --max-new-tokens makes it longer)")


def _text(prompt: str | None) -> str:
    """The text to continue.

    Raises:
        typer.BadParameter: there is none. InputError: it is not UTF-8.
    """
    if prompt == "-" or (prompt is None and not streams.on_terminal(sys.stdin)):
        text = streams.stdin_text().removesuffix("\n")
    else:
        text = streams.checked(prompt or "", "the text to continue")
    if prompt is None and not text:
        raise typer.BadParameter('give the text to continue, for example "def fibonacci(n):"')
    return text


def _constraint(json_schema: str | None, regex: str | None) -> dict[str, Any]:
    """The form of the answer, as `generate` takes it.

    Raises:
        typer.BadParameter: two forms at once, a schema that is no JSON, or a form that cannot be kept.
    """
    if json_schema is not None and regex is not None:
        raise typer.BadParameter("--json-schema and --regex exclude each other: an answer has one form")
    if regex is None and json_schema is None:
        return {}
    from ...structured.forms import JsonSchema, Regex  # not at the top: help needs no numpy

    try:
        constraint = JsonSchema(_schema(json_schema)) if json_schema is not None else Regex(regex or "")
        constraint.check()
    except ConfigError as error:
        raise typer.BadParameter(f"{'--regex' if json_schema is None else '--json-schema'}: {error}") from error
    return {"constraint": constraint}


def _schema(text: str) -> Any:
    """The schema that `text` is, or names the file of."""
    try:
        return json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--json-schema {text!r:.60} is neither a file nor JSON: {error}") from error


def _task(model: str | None, revision: str | None) -> str:
    if model is None:
        return "text-generation"
    from ...auto import AutoConfig

    config = AutoConfig.from_pretrained(model, revision=revision)
    return "text2text-generation" if config.is_encoder_decoder else "text-generation"

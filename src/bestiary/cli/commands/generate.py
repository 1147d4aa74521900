"""`bestiary generate`: continue a prompt, streamed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ...structured.forms import JsonSchema, Regex
from .. import console, sampling


def run(
    prompt: Annotated[str | None, typer.Argument(help="The text to continue; without it (or with -) stdin is read.")] = None,
    model: Annotated[str | None, typer.Option(help="Folder or name on the hub. By default the model in the package.")] = None,
    max_new_tokens: sampling.MaxNewTokens = None,
    temperature: sampling.Temperature = None,
    top_p: sampling.TopP = None,
    top_k: sampling.TopK = None,
    seed: sampling.Seed = None,
    do_sample: sampling.DoSample = None,
    stop: sampling.Stop = None,
    json_schema: Annotated[str | None, typer.Option(help="Answer in JSON that this schema allows (a file, or JSON).")] = None,
    regex: Annotated[str | None, typer.Option(help="Answer with a text that matches this pattern from end to end.")] = None,
    only_new: Annotated[bool, typer.Option("--only-new", help="Leave the prompt out of the output.")] = False,
    revision: console.Revision = None,
    device: console.Device = None,
    dtype: console.Dtype = None,
) -> None:
    """Continue PROMPT and print the text as it comes."""
    settings = sampling.settings(max_new_tokens, temperature, top_p, top_k, seed, do_sample, stop)
    settings |= _constraint(json_schema, regex)
    piped = prompt == "-" or (prompt is None and not console.on_terminal(sys.stdin))
    text = sys.stdin.read().removesuffix("\n") if piped else prompt or ""
    if prompt is None and not text:
        raise typer.BadParameter('give the text to continue, for example "def fibonacci(n):"')
    task = _task(model, revision)
    pipeline = console.open_pipeline(task, model, revision, device, dtype)
    if max_new_tokens is None:
        settings["max_new_tokens"] = sampling.fitting(pipeline.model, len(pipeline.tokenizer(text, verbose=False)["input_ids"]))
    if task == "text-generation" and not only_new:
        console.write(text)
    try:
        [answer] = pipeline(text, streamer=console.printer(pipeline.tokenizer), **settings)
    except Exception:
        console.write("\n")  # what went wrong gets a line of its own
        raise
    console.write("\n")
    if answer.finish_reason == "length":
        console.note("(cut at the limit; --max-new-tokens makes it longer)")


def _constraint(json_schema: str | None, regex: str | None) -> dict[str, Any]:
    """The form of the answer, as `generate` takes it.

    Raises:
        typer.BadParameter: two forms at once, or a schema that is no JSON.
    """
    if json_schema is not None and regex is not None:
        raise typer.BadParameter("--json-schema and --regex exclude each other: an answer has one form")
    if json_schema is None:
        return {} if regex is None else {"constraint": Regex(regex)}
    text = json_schema
    try:
        if not text.lstrip().startswith("{"):
            text = Path(json_schema).read_text(encoding="utf-8")
        return {"constraint": JsonSchema(json.loads(text))}
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--json-schema {json_schema!r:.60} is neither a file nor JSON: {error}") from error


def _task(model: str | None, revision: str | None) -> str:
    if model is None:
        return "text-generation"
    from ...auto import AutoConfig

    config = AutoConfig.from_pretrained(model, revision=revision)
    return "text2text-generation" if config.is_encoder_decoder else "text-generation"

"""`bestiary inspect`: what a checkpoint holds and what it will take, from config and file headers alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import FileMissing, InputError, UnknownArchitecture
from ...core.sizes import parse_size, show_size
from .. import console
from ..options import Dtype, Json, Revision


def run(
    path: Annotated[str, typer.Argument(help="A folder, a weights file, or a name on the hub.")],
    batch: Annotated[int, typer.Option(min=1, help="Rows of the call to forecast.")] = 1,
    prompt_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of each row before generation. [default: 512]")
    ] = None,
    new_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to generate. [default: 128]")] = None,
    dtype: Dtype = None,
    memory: Annotated[str | None, typer.Option(help="Fail when more than this is needed, for example 8GB.")] = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    json: Json = False,
    revision: Revision = None,
    subfolder: Annotated[str, typer.Option(help="Folder inside the checkpoint.")] = "",
) -> None:
    """Show architecture, parameters, dtypes, and the memory to load and to run. No weights are read or downloaded."""
    from ...core.dtypes import floating_dtype
    from ...hub.files import HubOptions
    from ...loading.headers import by_dtype, load_need, read_headers
    from ...planner.plan import MemoryPlan, plan_memory
    from ...planner.workload import usual_call

    limit = None if memory is None else memory_size(memory)
    options = HubOptions(revision=revision, subfolder=subfolder)
    with console.working(f"reading the headers of {path}"):
        headers = read_headers(path, options)
    config, remark = _config(path, options)
    call = usual_call(config, batch, prompt_length, new_tokens)
    with console.working("following a call"):
        if config is None:
            need = MemoryPlan("", "", load_need(headers, dtype=floating_dtype(dtype) if dtype else None), None)
        else:
            need = plan_memory(config, call, dtype=dtype, headers=headers)
    run = need.run
    architectures = ", ".join((config.architectures if config is not None else None) or ()) or remark or "not named"
    if json:
        console.write_json(
            {
                "architectures": architectures,
                "model_type": config.model_type if config is not None else None,
                "dtypes": [dict(zip(("dtype", "numbers", "bytes"), row, strict=True)) for row in by_dtype(headers)],
                "parameters": need.load.parameters,
                "weights": need.load.weights,
                "load_peak": need.load.peak,
                **({name: getattr(run, name) for name in ("cache_per_token", "cache", "logits", "activations")} if run else {}),
                "run_peak": need.run_peak,
                **({"tensors": [list(row) for row in _rows(headers)]} if tensors else {}),
            }
        )
    else:
        rows = [
            ("architecture", architectures),
            ("model_type", config.model_type if config is not None else "unknown"),
            ("parameters", f"{need.load.parameters:,}"),
            *((f"stored as {name}", f"{numbers:,} ({show_size(size)})") for name, numbers, size in by_dtype(headers)),
            ("weights in memory", show_size(need.load.weights)),
            ("peak of loading", show_size(need.load.peak)),
            *run_rows(need, call),
        ]
        console.table(rows)
        if tensors:
            console.table(_rows(headers), ("tensor", "dtype", "shape", "bytes", "file"))
    if limit is not None:
        need.check(limit)


def memory_size(text: str) -> int:
    """Bytes that the option --memory says.

    Raises:
        BadParameter: it says none.
    """
    try:
        return parse_size(text)
    except InputError as error:
        raise typer.BadParameter(f"--memory: {error}") from error


def run_rows(need: Any, call: Any) -> list[tuple[str, str]]:
    """What a call takes, for a table."""
    run = need.run
    if run is None:
        return [("a call", need.unknown)] if need.unknown else []
    said = f"{call.batch} x ({call.prompt} + {call.new_tokens}) tokens" if run.cache else f"{call.batch} x {call.prompt}"
    cached = [("cache per token and row", show_size(run.cache_per_token)), (f"cache of {said}", show_size(run.cache))]
    return [
        *(cached if run.cache else ()),
        *([("logits", show_size(run.logits))] if run.logits else ()),
        ("activations, about", show_size(run.activations + run.workspace)),
        ("peak of running, about", show_size(need.run_peak)),
    ]


def _config(path: str, options: Any) -> tuple[Any, str]:
    """The config, or None and why there is none."""
    from ...auto import AutoConfig

    if Path(path).is_file():
        return None, "a file of weights alone"
    try:
        return AutoConfig.from_pretrained(path, **vars(options)), ""
    except FileMissing:
        return None, "there is no config.json"
    except UnknownArchitecture as error:
        return None, str(error).partition(". Known")[0]


def _rows(headers: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            key,
            str(info.dtype).removeprefix("torch."),
            "x".join(map(str, info.shape)) or "scalar",
            str(info.nbytes),
            info.file.name,
        )
        for key, info in headers.items()
    ]

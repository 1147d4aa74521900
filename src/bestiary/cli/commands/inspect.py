"""`bestiary inspect`: what a checkpoint holds and what it will take, from config and file headers alone."""

from collections.abc import Mapping
from dataclasses import asdict
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
    prompt_length: Annotated[int, typer.Option(min=1, help="Tokens of each row before generation.")] = 512,
    new_tokens: Annotated[int, typer.Option(min=1, help="Tokens to generate.")] = 128,
    dtype: Dtype = None,
    memory: Annotated[str | None, typer.Option(help="Fail when more than this is needed, for example 8GB.")] = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    json: Json = False,
    revision: Revision = None,
    subfolder: Annotated[str, typer.Option(help="Folder inside the checkpoint.")] = "",
) -> None:
    """Show architecture, parameters, dtypes, and the memory to load and to run. No weights are read or downloaded."""
    from ...hub.files import HubOptions
    from ...loading.forecast import Workload, by_dtype, forecast, read_headers
    from ...modeling.opening import floating_dtype

    limit = None if memory is None else _size(memory)
    options = HubOptions(revision=revision, subfolder=subfolder)
    with console.working(f"reading the headers of {path}"):
        headers = read_headers(path, options)
    config, remark = _config(path, options)
    kind = _class(config)
    target = dtype or (config.dtype if config is not None else None)
    need = forecast(
        config,
        headers,
        Workload(batch, prompt_length, new_tokens),
        dtype=None if target is None else floating_dtype(target),
        tied=_tied(config, kind),
        generates=kind is not None and kind.can_generate(),
    )
    architectures = ", ".join((config.architectures if config is not None else None) or ()) or remark or "not named"
    if json:
        console.write_json(
            {
                "architectures": architectures,
                "model_type": config.model_type if config is not None else None,
                "dtypes": [dict(zip(("dtype", "numbers", "bytes"), row, strict=True)) for row in by_dtype(headers)],
                **asdict(need),
                "run_peak": need.run_peak,
                **({"tensors": [list(row) for row in _rows(headers)]} if tensors else {}),
            }
        )
    else:
        call = f"{batch} x ({prompt_length} + {new_tokens}) tokens"
        cached = [("cache per token and row", show_size(need.cache_per_token)), (f"cache of {call}", show_size(need.cache))]
        rows = [
            ("architecture", architectures),
            ("model_type", config.model_type if config is not None else "unknown"),
            ("parameters", f"{need.parameters:,}"),
            *((f"stored as {name}", f"{numbers:,} ({show_size(size)})") for name, numbers, size in by_dtype(headers)),
            ("weights in memory", show_size(need.weights)),
            ("peak of loading", show_size(need.load_peak)),
            *(cached if need.cache else ()),
            ("activations, about", show_size(need.activations)),
            ("peak of running, about", show_size(need.run_peak)),
        ]
        console.table(rows)
        if tensors:
            console.table(_rows(headers), ("tensor", "dtype", "shape", "bytes", "file"))
    if limit is not None:
        need.check(limit)


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except InputError as error:
        raise typer.BadParameter(f"--memory: {error}") from error


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


def _class(config: Any) -> Any:
    """The class that the checkpoint was saved with, else the family's base; None without a config."""
    from ...modeling.families import family, tasks_of

    if config is None:
        return None
    table = tasks_of(config.model_type)
    saved = next((name for name in config.architectures or () if name in table.values()), table["base"])
    return getattr(family(config.model_type), saved)


def _tied(config: Any, kind: Any) -> Mapping[str, str]:
    return kind._tied_weights_keys if kind is not None and config.get_text_config().tie_word_embeddings else {}


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

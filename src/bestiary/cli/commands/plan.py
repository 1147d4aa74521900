"""`bestiary plan`: the memory that loading, running and training a model will take, before any of it."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from ...core.sizes import show_size
from .. import console
from ..options import Dtype, Json, Revision
from .inspect import memory_size, run_rows


def run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder, a name on the hub, or a config.json alone.")],
    batch: Annotated[int, typer.Option("--batch", "-b", min=1, help="Rows.")] = 1,
    length: Annotated[int | None, typer.Option("--length", "-l", min=1, help="Tokens of a row. [default: 512]")] = None,
    new_tokens: Annotated[
        int | None, typer.Option("--new-tokens", "-n", min=1, help="Tokens to generate. [default: 128]")
    ] = None,
    dtype: Dtype = None,
    quantization: Annotated[str, typer.Option("--quantization", "-q", help="none, 8bit, 4bit.")] = "none",
    attention: Annotated[str | None, typer.Option(help="The attention kernel: sdpa, eager, flex_attention, ...")] = None,
    cache: Annotated[str | None, typer.Option(help="The kind of cache, as cache_implementation: dynamic, static, ...")] = None,
    training: Annotated[bool, typer.Option("--training", "-t", help="Forecast a training step in fp32 as well.")] = False,
    optim: Annotated[str, typer.Option(help="The optimizer of the training.")] = "adamw_torch",
    class_name: Annotated[str | None, typer.Option("--class", help="Another class than the one that was saved.")] = None,
    memory: Annotated[str | None, typer.Option(help="Fail when more than this is needed, for example 8GB.")] = None,
    json: Json = False,
    revision: Revision = None,
) -> None:
    """Forecast the memory of loading, running and training. No weights are read or downloaded."""
    limit = None if memory is None else memory_size(memory)
    from ...bench.combination import BITS

    if quantization not in BITS:
        raise typer.BadParameter(f"--quantization: {quantization!r:.40} is none of {', '.join(BITS)}")
    with console.working(f"following {model}"):
        from ...auto import AutoConfig
        from ...planner.plan import plan_memory
        from ...planner.workload import usual_call

        hub: dict[str, Any] = {"revision": revision} if revision else {}
        call = usual_call(AutoConfig.from_pretrained(model, **hub), batch, length, new_tokens)
        plan = plan_memory(
            model, call, dtype=dtype, bits=BITS[quantization], attention=attention, cache=cache,
            class_name=class_name, training=training, optimizer_of=_optimizer(optim) if training else None, **hub,
        )  # fmt: skip
    if json:
        console.write_json(plan.to_dict())
    else:
        rows = [
            ("model", plan.model),
            ("parameters", f"{plan.load.parameters:,}"),
            (f"weights in {plan.dtype if quantization == 'none' else quantization}", show_size(plan.load.weights)),
            ("peak of loading", show_size(plan.load.peak)),
            *run_rows(plan, call),
        ]
        if (need := plan.training) is not None:
            kept = "unknown" if need.activations is None else show_size(need.activations + need.workspace)
            rows += [
                ("training: weights in float32", show_size(need.weights)),
                ("training: gradients", show_size(need.gradients)),
                (f"training: state of {optim}", show_size(need.optimizer)),
                (f"training: activations of {call.batch} x {call.prompt}, about", kept),
                ("peak of training, about", show_size(need.total)),
            ]
        console.table(rows)
    if limit is not None:
        plan.check(limit)


def _optimizer(name: str) -> Callable[[Any], Any]:
    """What makes the optimizer of a model."""
    from ...recipes.memory import optimizer_of
    from ...training.arguments import TrainingArguments

    try:
        args = TrainingArguments(output_dir="unused", optim=name, report_to="none")
    except ValueError as error:
        raise typer.BadParameter(f"--optim: {error}") from error
    return lambda model: optimizer_of(model, args)

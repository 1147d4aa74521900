"""What a report tells of a running training: its model, data, arguments, hardware, versions, and how it goes."""

import math
import os
import platform
import sys
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ...core.memory import memory_now
from ...core.sizes import show_size
from ..arguments import TrainingArguments
from ..checkpoints import PREFIX_CHECKPOINT_DIR
from ..lengths import NO_END
from ..loaders import has_length
from .facts import Facts, shown

_PACKAGES = ("torch", "numpy", "tokenizers", "accelerate", "datasets", "peft")
_LONGEST = 300


def gather(trainer: Any, seconds: float) -> Facts:
    """The facts of a training as far as it is, `seconds` after its beginning."""
    args, state, progress = trainer.args, trainer.state, trainer.progress
    step = state.global_step
    last = Path(trainer._get_output_dir(trial=None)) / f"{PREFIX_CHECKPOINT_DIR}-{trainer.report.saved_at}"
    return Facts(
        title=args.run_name or type(trainer.model).__name__,
        sections={
            "Run": _run(trainer),
            "Model": model_facts(trainer.model),
            "Data": _data(trainer),
            "Hardware": _hardware(args),
            "Versions": _versions(),
        },
        arguments=changed_arguments(args),
        best_step=state.best_global_step,
        best_value=state.best_metric,
        best_checkpoint=str(state.best_model_checkpoint or ""),
        checkpoint=str(last) if trainer.report.saved_at is not None else "",
        steps=state.max_steps if state.max_steps < NO_END else step,
        resumed=list(progress.resumed),
        pace=[list(place) for place in progress.pace],
        rows_of_update=progress.rows_of_update,
        seconds=seconds,
    )


def _run(trainer: Any) -> dict[str, str]:
    args, progress = trainer.args, trainer.progress
    told = {"Output folder": str(trainer._get_output_dir(trial=None)), "Trainer": type(trainer).__name__}
    if args.metric_for_best_model is not None:
        told["Best is"] = f"the {'greatest' if args.greater_is_better else 'smallest'} {args.metric_for_best_model}"
    if progress.parts > 1:
        told["Out of memory"] = f"each batch is cut into {progress.parts}"
    if trainer.state.total_flos:
        told["Operations"] = f"{trainer.state.total_flos:.3g}"
    return told


def model_facts(model: Any) -> dict[str, str]:
    """Class, type, parameters and their types."""
    parameters = list(model.parameters())
    total = sum(each.numel() for each in parameters)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    kinds = sorted({str(each.dtype).removeprefix("torch.") for each in parameters})
    kind = getattr(getattr(model, "config", None), "model_type", None)
    return {
        "Class": type(model).__name__,
        **({"Type": str(kind)} if kind else {}),
        "Parameters": f"{total:,}",
        "Trained": f"{trained:,} ({100 * trained / total:.3g} %)" if total else "0",
        "Weights in": ", ".join(kinds),
    }


def _data(trainer: Any) -> dict[str, str]:
    args = trainer.args
    sets = trainer.eval_dataset if isinstance(trainer.eval_dataset, dict) else {"": trainer.eval_dataset}
    rows = {f"Evaluation rows {name}".strip(): _rows(each) for name, each in sets.items() if each is not None}
    parts = (args.train_batch_size, args.gradient_accumulation_steps, args.world_size)
    told = {
        "Training rows": _rows(trainer.train_dataset),
        **rows,
        "Rows of an update": f"{math.prod(parts):,} (batch {parts[0]}, accumulated {parts[1]}, processes {parts[2]})",
        "Collator": getattr(trainer.data_collator, "__name__", type(trainer.data_collator).__name__),
    }
    if trainer.pace.tokens:
        told["Input tokens"] = shown(int(trainer.pace.tokens * args.world_size))
    return told


def _rows(dataset: Any) -> str:
    return "of its own loader" if dataset is None else f"{len(dataset):,}" if has_length(dataset) else "a stream"


def _hardware(args: Any) -> dict[str, str]:
    device = args.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    used = memory_now(device, highest=True)
    return {
        "Device": str(device) if args.world_size == 1 else f"{args.world_size} x {device.type}",
        "Name": name,
        "Cores": f"{os.cpu_count() or '?'} (torch uses {torch.get_num_threads()})",
        "Memory at most": show_size(used) if used else "?",
        "System": platform.platform(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    from ... import __version__

    versions = {"bestiary": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        if package in sys.modules:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                continue
    if torch.version.cuda:
        versions["cuda"] = torch.version.cuda
    return versions


def changed_arguments(args: Any) -> dict[str, str]:
    """The arguments that are not what they are by default; secrets are hidden."""
    usual = TrainingArguments(use_cpu=args.use_cpu).to_dict()
    usual |= {each.name: each.default for each in fields(args) if each.name not in usual}
    changed = {}
    for name, value in args.to_dict().items():
        if value != usual.get(name) or (name == "use_cpu" and value):
            text = str(value)
            changed[name] = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return changed

"""What a training will take and do, told before any weight is read: rows, tokens, updates, memory; and what will go wrong."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..core.errors import BestiaryError
from ..planner.training_need import TrainingNeed
from ..training.columns import UsedColumns, label_names_of, used_columns
from ..training.task import Features
from .memory import memory_need
from .prepared import Prepared

_SHOWN = 160


@dataclass(frozen=True)
class Forecast:
    """What a recipe will do.

    Fields:
        facts: name -> text, in the order they are read.
        parameters: of the model. need: memory. rows, tokens: of an epoch, as the model takes them. updates: in all.
        example: the first row of training, as text.
        problems: why the training would fail at once. remarks: what most likely is not meant.
    """

    parameters: int
    need: TrainingNeed
    rows: int
    tokens: int
    updates: int
    example: str
    facts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def forecast(prepared: Prepared) -> Forecast:
    """What the training of a recipe will take and do. Rows are prepared for it; weights are not opened, nothing is written."""
    args, task = prepared.recipe.args, prepared.recipe.task
    features = prepared.features
    training: Features = features.get("train", ()) if args.do_train else ()
    lengths = _lengths(training)
    batches = math.ceil(len(training) / (args.train_batch_size * args.world_size))
    if args.dataloader_drop_last:
        batches = len(training) // (args.train_batch_size * args.world_size)
    per_epoch = math.ceil(batches / args.gradient_accumulation_steps)
    updates = args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * per_epoch)

    problems: list[str] = []
    model, batch = prepared.shapes(), None
    if len(training):
        longest = sorted(range(len(training)), key=lambda place: -lengths[place]) if lengths else range(len(training))
        rows = [training[place] for place in longest[: args.train_batch_size]]
        try:
            batch = UsedColumns(task.collator(prepared.preprocessor, model), used_columns(model, ()))(rows)
        except (BestiaryError, ValueError, KeyError, TypeError) as error:
            problems.append(f"no batch can be made: {error}")
    step = (lambda made, inputs: task.loss(made, inputs)[0]) if task.has_loss else (lambda made, inputs: made(**inputs))
    if batch is not None:
        names = ["labels"] if task.has_loss else label_names_of(model)
        if not any(name in batch for name in names):
            problems.append(f"rows have no {' and no '.join(names)}: there is nothing to learn")
            batch = None
    forecast = Forecast(
        parameters=sum(each.numel() for each in model.parameters()),
        need=memory_need(prepared.shapes, step, batch, args),
        rows=len(training),
        tokens=sum(lengths),
        updates=updates if args.do_train else 0,
        example=_example(prepared, training),
        problems=problems,
    )
    _judge(forecast, prepared, model, lengths, batches)
    forecast.facts.update(_facts(prepared, model, forecast, lengths, per_epoch))
    return forecast


def _facts(prepared: Prepared, model: Any, found: Forecast, lengths: list[int], per_epoch: int) -> dict[str, str]:
    from ..core.sizes import show_size

    recipe, args, need = prepared.recipe, prepared.recipe.args, found.need
    words = args.to_dict()
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    told = {
        "task": recipe.task_name,
        "model": f"{type(model).__name__} ({model.config.model_type})",
        "parameters": f"{found.parameters:,}" + (f", {trained:,} of them trained" if trained != found.parameters else ""),
        "rows": ", ".join(f"{part} {len(rows):,}" for part, rows in prepared.rows.items()),
        "rows as the model takes them": ", ".join(f"{part} {len(each):,}" for part, each in prepared.features.items()),
    }
    if lengths:
        told["tokens of an epoch"] = f"{found.tokens:,}, {min(lengths):,} to {max(lengths):,} in a row"
    if args.do_train:
        rows = args.train_batch_size * args.world_size * args.gradient_accumulation_steps
        told["updates"] = f"{found.updates:,}, {per_epoch:,} an epoch, of {rows:,} rows each"
        kept = "unknown" if need.activations is None else show_size(need.activations)
        told["memory, about"] = (
            f"{show_size(need.total)}: weights {show_size(need.weights)}, gradients {show_size(need.gradients)}, optimizer"
            f" {show_size(need.optimizer)}, activations {kept}"
        )
        told["device"] = str(args.device) + (f", {args.world_size} processes" if args.world_size > 1 else "")
        told["optimizer"] = f"{words['optim']}, learning rate {args.learning_rate:g}, schedule {words['lr_scheduler_type']}"
        when = f"every {_steps(args.save_steps)}" if args.save_strategy == "steps" else f"by {words['save_strategy']}"
        told["checkpoints"] = "none: it cannot go on if it is stopped" if args.save_strategy == "no" else when
    when = f"every {_steps(args.eval_steps or 0)}" if args.eval_strategy == "steps" else f"by {words['eval_strategy']}"
    told["evaluated"] = (when if args.eval_strategy != "no" else "at the end") if args.do_eval else "never"
    return told | {"output folder": str(recipe.folder)}


def _steps(count: float) -> str:
    return f"{count:.0%} of the updates" if count < 1 else f"{count:,.0f} updates"


def _lengths(features: Features) -> list[int]:
    """Tokens of each row; of rows of several texts those of all. Empty where rows are no tokens."""
    if not len(features) or "input_ids" not in features[0]:
        return []
    ids = [each["input_ids"] for each in features]
    return [sum(map(len, each)) if each and isinstance(each[0], list) else len(each) for each in ids]


def _example(prepared: Prepared, features: Features) -> str:
    decode = getattr(prepared.preprocessor, "decode", None)
    if not len(features) or decode is None or "input_ids" not in features[0]:
        return ""
    row = features[0]
    ids, labels = row["input_ids"], row.get("labels", row.get("label"))
    texts = ids if ids and isinstance(ids[0], list) else [ids]
    text = " | ".join(decode(each[:_SHOWN]) for each in texts)
    if labels is None:
        return text
    if isinstance(labels, list) and prepared.recipe.task.generates:
        return f"{text} -> {decode([each for each in labels[:_SHOWN] if each >= 0])}"
    if isinstance(labels, list):
        return f"{text} -> {sum(each != -100 for each in labels):,} of {len(labels):,} tokens are learned"
    return f"{text} -> {(getattr(prepared.config, 'id2label', None) or {}).get(labels, labels)}"


def _judge(found: Forecast, prepared: Prepared, model: Any, lengths: list[int], batches: int) -> None:
    """Add what will go wrong, or is doubtful."""
    args, config = prepared.recipe.args, model.config.get_text_config()
    if args.do_train and not found.rows:
        found.problems.append("there is no row to train on; name train_file in data")
    elif args.do_train and not batches:
        found.problems.append(
            f"{found.rows:,} rows are no full batch of {args.train_batch_size * args.world_size}, and dataloader_drop_last"
            " leaves it out"
        )
    if args.do_eval and not len(prepared.features.get("validation", ())):
        found.problems.append("there is no row to evaluate on; name validation_file in data, or leave out do_eval")
    most, longest = getattr(config, "max_position_embeddings", None), max(lengths, default=0)
    if isinstance(most, int) and prepared.recipe.task_name not in ("multiple-choice", "sentence-similarity") and longest > most:
        said = f"the longest row has {longest:,} tokens and the model takes {most:,}; shorten rows in options"
        rotary = isinstance(getattr(config, "rope_parameters", None), Mapping)
        (found.remarks if rotary else found.problems).append(said)
    room = _room(args.device)
    if room and found.need.total > room:
        from ..core.sizes import show_size

        found.remarks.append(
            f"memory: about {show_size(found.need.total)} are needed, and {args.device} has {show_size(room)};"
            " gradient_checkpointing, smaller batches with gradient_accumulation_steps, or another optim take less"
        )
    if args.save_strategy == "no" and args.do_train:
        found.remarks.append("save_strategy is no: if the training is stopped, it begins anew")


def _room(device: torch.device) -> int:
    """Bytes of memory that a device has; 0 where the system does not tell."""
    import os

    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0

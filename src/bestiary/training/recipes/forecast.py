"""What a training will take and do, told before any weight is read: rows, tokens, updates, memory; and what will go wrong."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import BestiaryError
from ..checkpoints import get_last_checkpoint
from ..columns import label_names_of
from ..task import Features
from .prepared import Prepared

# Bytes of optimizer state for each number that is trained; the word that begins the optimizer's name tells.
_STATE = {"sgd": 0, "adafactor": 0, "adagrad": 4, "rmsprop": 4, "lomo": 0, "lion": 4}
# A layer keeps 34 numbers a token and unit of width for its backward pass, in 16 bits, without the scores of attention
# (Korthikanti et al. 2022, section 4.1, where masks of dropout count half).
_KEPT = 17
_SHOWN = 160


@dataclass(frozen=True)
class Forecast:
    """What a recipe will do.

    Fields:
        facts: name -> value, in the order they are read.
        parameters, weights, gradients, optimizer, activations: numbers of the model, and bytes in memory.
        rows, tokens, updates: of training: features of an epoch, their tokens, updates in all.
        example: the first row of training, as text. problems: what will go wrong, or most likely is not meant.
    """

    facts: dict[str, str]
    parameters: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    rows: int = 0
    tokens: int = 0
    updates: int = 0
    example: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def memory(self) -> int:
        """Bytes of weights, gradients, optimizer and activations together."""
        return self.weights + self.gradients + self.optimizer + self.activations


def forecast(prepared: Prepared) -> Forecast:
    """What the training of a recipe will take and do.

    Memory: 4 bytes a weight, 4 a gradient, what the optimizer keeps (AdamW: two numbers of 4 bytes), and what the backward
    pass of the longest batch needs: 17 numbers for each layer, token and unit of width (2 where layers are recomputed), and
    three times the scores over the vocabulary. Convolutions are not counted.
    """
    args = prepared.recipe.args
    model = prepared.model("meta")
    features = prepared.features
    training = features.get("train", ())
    lengths = _lengths(training)
    numbers = sum(each.numel() for each in model.parameters())
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    per_number = next((size for word, size in _STATE.items() if word in str(args.optim)), 8)
    per_number = 2 if "8bit" in str(args.optim) else per_number
    batches = math.ceil(len(training) / (args.train_batch_size * args.world_size)) if training else 0
    per_epoch = math.ceil(batches / args.gradient_accumulation_steps)
    updates = args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * per_epoch)
    longest = max(lengths, default=0)
    activations = _activations(prepared, longest)
    need = Forecast(
        {}, numbers, 4 * numbers, 4 * trained, per_number * trained, activations,
        len(training), sum(lengths), updates if args.do_train else 0, _example(prepared, training),
    )  # fmt: skip
    need.problems.extend(_problems(prepared, model, training, longest))
    need.facts.update(_facts(prepared, model, need, trained, longest, per_epoch))
    return need


def _facts(prepared: Prepared, model: Any, need: Forecast, trained: int, longest: int, per_epoch: int) -> dict[str, str]:
    from ...core.sizes import show_size

    recipe, args = prepared.recipe, prepared.recipe.args
    parts = {part: len(rows) for part, rows in prepared.rows.items()}
    features = prepared.features
    last = get_last_checkpoint(args.output_dir) if Path(args.output_dir).is_dir() else None
    rows = ", ".join(f"{part} {count:,}" for part, count in parts.items())
    made = ", ".join(f"{part} {len(each):,}" for part, each in features.items())
    told = {
        "task": recipe.task_name,
        "model": f"{type(model).__name__} ({model.config.model_type})",
        "parameters": f"{need.parameters:,}, {trained:,} of them trained",
        "rows": rows,
        "rows of the model": made,
    }
    if need.tokens:
        even = 1 - need.tokens / (need.rows * longest) if need.rows else 0
        told["tokens of an epoch"] = (
            f"{need.tokens:,}, the longest row {longest:,}; filled to that, {even:.0%} would be padding"
        )
    if args.do_train:
        batch = args.train_batch_size * args.world_size * args.gradient_accumulation_steps
        told["rows of an update"] = f"{batch:,}"
        told["updates"] = f"{need.updates:,}, {per_epoch:,} an epoch"
    told["memory, about"] = (
        f"{show_size(need.memory)}: weights {show_size(need.weights)}, gradients {show_size(need.gradients)}, optimizer"
        f" {show_size(need.optimizer)}, activations {show_size(need.activations)}"
    )
    told["optimizer"] = f"{args.optim}, learning rate {args.learning_rate:g}, schedule {args.lr_scheduler_type}"
    told["evaluated"] = f"{args.eval_strategy}" if args.eval_strategy != "no" else "at the end" if args.do_eval else "never"
    told["output folder"] = args.output_dir
    told["begins"] = f"where {Path(last).name} ended" if last else "anew"
    return told


def _lengths(features: Features) -> list[int]:
    first = features[0] if len(features) else {}
    ids = first.get("input_ids")
    if ids is None or (ids and isinstance(ids[0], list)):
        return []
    return [len(each["input_ids"]) for each in features]


def _activations(prepared: Prepared, longest: int) -> int:
    config, args = prepared.config.get_text_config(), prepared.recipe.args
    width, layers = config.get("hidden_size") or 0, config.get("num_hidden_layers") or 0
    tokens = longest
    if not tokens and config.get("patch_size") and config.get("image_size"):
        tokens = (config.image_size // config.patch_size) ** 2 + 1
    item = 2 if args.bf16 or args.fp16 else 4
    scores = 0
    if "LanguageModel" in type(prepared.recipe.task).__name__ or prepared.recipe.task.generates:
        scores = 3 * 4 * (config.get("vocab_size") or 0)
    kept = 2 if args.gradient_checkpointing else _KEPT
    return int(args.train_batch_size * tokens * (layers * width * kept * item + scores))


def _example(prepared: Prepared, features: Features) -> str:
    decode = getattr(prepared.preprocessor, "decode", None)
    if not len(features) or decode is None or not _lengths(features[:1]):
        return ""
    row = features[0]
    text = decode(row["input_ids"][:_SHOWN])
    labels = next((row[name] for name in ("labels", "label") if name in row), None)
    if isinstance(labels, list) and prepared.recipe.task.generates:
        return f"{text} -> {decode([each for each in labels[:_SHOWN] if each >= 0])}"
    if isinstance(labels, list):
        return f"{text} -> {sum(each != -100 for each in labels):,} labels of {len(labels):,} count"
    return text if labels is None else f"{text} -> {getattr(prepared.config, 'id2label', {}).get(labels, labels)}"


def _problems(prepared: Prepared, model: Any, training: Features, longest: int) -> list[str]:
    args, told = prepared.recipe.args, []
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if args.do_train and not len(training):
        told.append("there is no row to train on; name train_file in data")
    if most and longest > most:
        told.append(f"the longest row has {longest:,} tokens and the model takes {most:,}; shorten rows in options")
    if args.do_eval and not len(prepared.features.get("validation", ())):
        told.append("there is no row to evaluate on; name validation_file in data, or leave out do_eval")
    if len(training) and args.dataloader_drop_last and len(training) < args.train_batch_size:
        told.append(
            f"{len(training)} rows are no full batch of {args.train_batch_size}, and dataloader_drop_last leaves it out"
        )
    if len(training):
        try:
            batch = prepared.recipe.task.collator(prepared.preprocessor, model)([training[0]])
        except (BestiaryError, ValueError, KeyError, TypeError) as error:
            told.append(f"no batch can be made: {error}")
        else:
            names = label_names_of(model)
            if not any(name in batch for name in names):
                told.append(f"rows have no {' and no '.join(names)}: there is nothing to learn")
    return told

"""What the optimizer of `TrainingArguments` needs of the other arguments."""

from typing import Any

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from ..choices import OptimizerNames, SchedulerType
from .kinds import KINDS

# Of older releases: the same by another implementation.
OLDER = {"adamw_hf": "adamw_torch", "adamw_apex_fused": "adamw_torch_fused"}


def known(name: Any) -> OptimizerNames:
    """The optimizer of this name; an older name is told once.

    Raises:
        ValueError: there is none.
    """
    if name in OLDER:
        warn_once("older-optimizer", f"optim={name!r} is of older releases; {OLDER[name]} computes the same", name)
        name = OLDER[name]
    return OptimizerNames(name)


def check_optimizer(args: Any) -> None:
    """Refuse arguments that the optimizer cannot be combined with.

    Raises:
        ArgumentError: so many words.
    """
    kind, name = KINDS[args.optim], args.optim.value
    targets = args.optim_target_modules
    fits = (
        targets is None
        or isinstance(targets, str)
        or (isinstance(targets, list | tuple) and all(isinstance(each, str) for each in targets))
    )
    if not fits:
        raise ArgumentError(
            f"optim_target_modules is {targets!r:.80}; expected 'all-linear', a regular expression, or a list of names"
        )
    if kind.low_rank is not None and not targets:
        raise ArgumentError(
            f"{name} projects gradients of some linear modules: say which by optim_target_modules; 'all-linear' names all"
        )
    if kind.low_rank is None and targets:
        warn_once("no-targets", f"optim_target_modules is for GaLore and APOLLO; {name} trains all weights alike", name)
    if kind.in_backward:
        _check_within_backward(args, name)
    if kind.of_model and args.weight_decay:
        warn_once("no-decay", f"{name} leaves weight_decay out; optim_args='weight_decay=0.1' decays all weights", name)
    steady = args.lr_scheduler_type in (SchedulerType.CONSTANT, SchedulerType.CONSTANT_WITH_WARMUP)
    if kind.averages and not steady:
        warn_once(
            "schedule-free",
            f"{name} is made for a steady rate, and the schedule is {args.lr_scheduler_type.value!r};"
            " lr_scheduler_type='constant' leaves the rate as it is",
        )


def _check_within_backward(args: Any, name: str) -> None:
    why = f"{name} uses each gradient as soon as it is there"
    if args.gradient_accumulation_steps > 1:
        raise ArgumentError(
            f"{why}, so none can be summed; gradient_accumulation_steps is {args.gradient_accumulation_steps}, expected 1"
        )
    if args.fp16:
        raise ArgumentError(f"{why}, before it could be scaled back; fp16 cannot be on, take bf16")
    if args.auto_find_batch_size:
        raise ArgumentError(f"{why}, so a batch that did not fit cannot be begun anew; auto_find_batch_size cannot be on")

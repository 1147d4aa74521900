"""Learning-rate schedules: torch schedulers whose factor of the optimizer's rate is a function of the step.

Most rise from 0 in a straight line over the first `num_warmup_steps` (W) steps and then fall until `num_training_steps` (T).
Progress p runs from 0 to 1 between the two.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from ..core.errors import ArgumentError
from .choices import SchedulerType
from .greedy import GreedyLR

_SHAPES = ("linear", "cosine", "1-sqrt")


def get_constant_schedule(optimizer: Optimizer, last_epoch: int = -1) -> LambdaLR:
    """The optimizer's rate, at every step.

    Args:
        last_epoch: here and below, the step after which to go on; -1 for a new training.
    """
    return LambdaLR(optimizer, _one, last_epoch)


def get_constant_schedule_with_warmup(optimizer: Optimizer, num_warmup_steps: int, last_epoch: int = -1) -> LambdaLR:
    """A rise, then the optimizer's rate."""
    return _after_warmup(optimizer, num_warmup_steps, _one, last_epoch)


def get_linear_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, last_epoch: int = -1
) -> LambdaLR:
    """A rise, then a straight line to 0."""
    falling = partial(_line, num_warmup_steps=num_warmup_steps, num_training_steps=num_training_steps)
    return _after_warmup(optimizer, num_warmup_steps, falling, last_epoch)


def get_cosine_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5, last_epoch: int = -1
) -> LambdaLR:
    """A rise, then (1 + cos(2 pi `num_cycles` p)) / 2: with half a cycle a fall to 0 (Loshchilov and Hutter 2017)."""
    wave = partial(_wave, first=num_warmup_steps, last=num_training_steps, cycles=num_cycles)
    return _after_warmup(optimizer, num_warmup_steps, wave, last_epoch)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    optimizer: Optimizer, num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1, last_epoch: int = -1
) -> LambdaLR:
    """A rise, then `num_cycles` falls to 0 in the form of half a cosine, each from the optimizer's rate again."""
    falls = partial(_falls, first=num_warmup_steps, last=num_training_steps, cycles=num_cycles)
    return _after_warmup(optimizer, num_warmup_steps, falls, last_epoch)


def get_polynomial_decay_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
    last_epoch: int = -1,
) -> LambdaLR:
    """A rise, then a fall to the rate `lr_end`, which leads there as (1 - p) ** `power`.

    Raises:
        ArgumentError: the optimizer's rate is not above `lr_end`.
    """
    rate = optimizer.defaults["lr"]
    if rate <= lr_end:
        raise ArgumentError(f"lr_end ({lr_end}) is where the rate falls to; expected less than the optimizer's {rate}")
    fall = partial(_power, first=num_warmup_steps, last=num_training_steps, power=power, end=lr_end / rate)
    return _after_warmup(optimizer, num_warmup_steps, fall, last_epoch)


def get_inverse_sqrt_schedule(
    optimizer: Optimizer, num_warmup_steps: int, timescale: int | None = None, last_epoch: int = -1
) -> LambdaLR:
    """A rise, then 1 / sqrt((step - W) / `timescale` + 1) (Vaswani et al. 2017); by default `timescale` is W, or 10,000."""
    scale = timescale if timescale is not None else num_warmup_steps or 10_000
    falling = partial(_inverse_root, first=num_warmup_steps, scale=scale)
    return _after_warmup(optimizer, num_warmup_steps, falling, last_epoch)


def get_reduce_on_plateau_schedule(optimizer: Optimizer, **kwargs: Any) -> ReduceLROnPlateau:
    """Torch's schedule that falls when a metric no longer gets better; `kwargs` are its own."""
    return ReduceLROnPlateau(optimizer, **kwargs)


def get_greedy_schedule(optimizer: Optimizer, **kwargs: Any) -> GreedyLR:
    """The schedule that rises while a metric gets better and falls when it does not; `kwargs` are those of `GreedyLR`."""
    return GreedyLR(optimizer, **kwargs)


def get_cosine_with_min_lr_schedule_with_warmup(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> LambdaLR:
    """The cosine schedule, squeezed so that it falls no lower than the rate `min_lr`, or `min_lr_rate` of the optimizer's.

    Raises:
        ArgumentError: both of them are said, or none.
    """
    lowest = _lowest(optimizer, min_lr, min_lr_rate)
    wave = partial(_wave, first=num_warmup_steps, last=num_training_steps, cycles=num_cycles, lowest=lowest)
    return _after_warmup(optimizer, num_warmup_steps, wave, last_epoch)


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> LambdaLR:
    """The same one step ahead, so that no step has the rate 0: the rise begins at 1 / W, or at `warmup_lr_rate`.

    Raises:
        ArgumentError: both of `min_lr` and `min_lr_rate` are said, or none.
    """
    lowest = _lowest(optimizer, min_lr, min_lr_rate)
    wave = partial(_wave, first=num_warmup_steps - 1, last=num_training_steps - 1, cycles=num_cycles, lowest=lowest)
    rise = partial(_rise_from, warmup=num_warmup_steps, start=warmup_lr_rate)
    return LambdaLR(optimizer, partial(_two_parts, warmup=num_warmup_steps, rise=rise, then=wave), last_epoch)


def get_wsd_schedule(
    optimizer: Optimizer,
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
    last_epoch: int = -1,
) -> LambdaLR:
    """Warmup, stable, decay (Hu et al. 2024): a rise, the optimizer's rate, a fall over `num_decay_steps`, then the lowest.

    Args:
        num_stable_steps: by default what the rise and the fall leave of `num_training_steps`.
        warmup_type, decay_type: the form of the rise and of the fall: "linear", "cosine" or "1-sqrt".
        min_lr_ratio: where the rise begins and the fall ends, as a part of the optimizer's rate.

    Raises:
        ArgumentError: neither number of steps is said, or an unknown form.
    """
    for name, shape in (("warmup_type", warmup_type), ("decay_type", decay_type)):
        if shape not in _SHAPES:
            raise ArgumentError(f"{name} is {shape!r:.80}; expected one of {', '.join(_SHAPES)}")
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ArgumentError("a wsd schedule needs num_training_steps, or num_stable_steps")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    elif num_training_steps is not None:
        warnings.warn("num_stable_steps and num_training_steps are both said; the first counts", UserWarning, stacklevel=2)
    three = partial(
        _three_parts,
        steps=(num_warmup_steps, num_stable_steps, num_decay_steps),
        shapes=(warmup_type, decay_type),
        lowest=min_lr_ratio,
        cycles=num_cycles,
    )
    return LambdaLR(optimizer, three, last_epoch)


# What a schedule asks of `get_scheduler` besides the optimizer: W and T, W alone, or neither.
_OF_WARMUP_AND_TRAINING: dict[SchedulerType, Callable[..., LRScheduler]] = {
    SchedulerType.LINEAR: get_linear_schedule_with_warmup,
    SchedulerType.COSINE: get_cosine_schedule_with_warmup,
    SchedulerType.COSINE_WITH_RESTARTS: get_cosine_with_hard_restarts_schedule_with_warmup,
    SchedulerType.POLYNOMIAL: get_polynomial_decay_schedule_with_warmup,
    SchedulerType.COSINE_WITH_MIN_LR: get_cosine_with_min_lr_schedule_with_warmup,
    SchedulerType.COSINE_WARMUP_WITH_MIN_LR: get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    SchedulerType.WARMUP_STABLE_DECAY: get_wsd_schedule,
}
_OF_WARMUP: dict[SchedulerType, Callable[..., LRScheduler]] = {
    SchedulerType.CONSTANT_WITH_WARMUP: get_constant_schedule_with_warmup,
    SchedulerType.INVERSE_SQRT: get_inverse_sqrt_schedule,
}
_OF_NEITHER: dict[SchedulerType, Callable[..., Any]] = {
    SchedulerType.CONSTANT: get_constant_schedule,
    SchedulerType.REDUCE_ON_PLATEAU: get_reduce_on_plateau_schedule,
    SchedulerType.GREEDY: get_greedy_schedule,
}

# The function of each schedule, under the name by which scripts look it up.
TYPE_TO_SCHEDULER_FUNCTION: dict[SchedulerType, Callable[..., Any]] = _OF_NEITHER | _OF_WARMUP | _OF_WARMUP_AND_TRAINING


def get_scheduler(
    name: str | SchedulerType,
    optimizer: Optimizer,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: dict[str, Any] | None = None,
) -> Any:
    """The schedule of this name.

    Args:
        num_warmup_steps, num_training_steps: needed by the schedules that have such steps.
        scheduler_specific_kwargs: further arguments of the schedule's own function.

    Raises:
        ValueError: no schedule has the name. ArgumentError: steps that it needs are missing.
    """
    kind = SchedulerType(name)
    further = scheduler_specific_kwargs or {}
    if kind in _OF_NEITHER:
        return _OF_NEITHER[kind](optimizer, **further)
    if num_warmup_steps is None:
        raise ArgumentError(f"the schedule {kind.value!r} needs num_warmup_steps")
    if kind in _OF_WARMUP:
        return _OF_WARMUP[kind](optimizer, num_warmup_steps, **further)
    if num_training_steps is None and "num_stable_steps" not in further:
        raise ArgumentError(f"the schedule {kind.value!r} needs num_training_steps")
    steps = {"num_warmup_steps": num_warmup_steps, "num_training_steps": num_training_steps}
    return _OF_WARMUP_AND_TRAINING[kind](optimizer, **steps, **further)


def _after_warmup(optimizer: Optimizer, warmup: int, then: Callable[[int], float], last_epoch: int) -> LambdaLR:
    """A rise from 0 over `warmup` steps, then what `then` says of the step."""
    return LambdaLR(optimizer, partial(_two_parts, warmup=warmup, rise=partial(_rise, warmup=warmup), then=then), last_epoch)


def _two_parts(step: int, warmup: int, rise: Callable[[int], float], then: Callable[[int], float]) -> float:
    return rise(step) if step < warmup else then(step)


def _one(step: int) -> float:
    return 1.0


def _rise(step: int, warmup: int) -> float:
    return step / max(1, warmup)


def _rise_from(step: int, warmup: int, start: float | None) -> float:
    return (step + 1) / max(1, warmup) if start is None else start + (1 - start) * step / max(1, warmup - 1)


def _progress(step: int, first: int, last: int) -> float:
    return (step - first) / max(1, last - first)


def _line(step: int, num_warmup_steps: int, num_training_steps: int) -> float:
    return max(0.0, 1 - _progress(step, num_warmup_steps, num_training_steps))


def _wave(step: int, first: int, last: int, cycles: float, lowest: float = 0.0) -> float:
    factor = (1 + math.cos(2 * math.pi * cycles * _progress(step, first, last))) / 2
    return max(0.0, factor * (1 - lowest) + lowest)


def _falls(step: int, first: int, last: int, cycles: int) -> float:
    progress = _progress(step, first, last)
    return 0.0 if progress >= 1 else (1 + math.cos(math.pi * (cycles * progress % 1))) / 2


def _power(step: int, first: int, last: int, power: float, end: float) -> float:
    return end if step > last else (1 - end) * (1 - (step - first) / (last - first)) ** power + end


def _inverse_root(step: int, first: int, scale: int) -> float:
    return 1 / math.sqrt((step - first) / scale + 1)


def _three_parts(step: int, steps: tuple[int, int, int], shapes: tuple[str, str], lowest: float, cycles: float) -> float:
    """The factor of the three parts of a schedule, which are so many `steps` long."""
    warmup, stable, decay = steps
    if step < warmup:
        progress = step / max(1, warmup)
        falls = {"linear": 1 - progress, "cosine": (1 + math.cos(math.pi * progress)) / 2, "1-sqrt": math.sqrt(1 - progress)}
        return max(0.0, (1 - falls[shapes[0]]) * (1 - lowest) + lowest)
    if step < warmup + stable:
        return 1.0
    if step >= warmup + stable + decay:
        return lowest
    progress = (step - warmup - stable) / max(1, decay)
    wave = (1 + math.cos(2 * math.pi * cycles * progress)) / 2
    rises = {"linear": 1 - progress, "cosine": wave, "1-sqrt": 1 - math.sqrt(progress)}
    return max(0.0, rises[shapes[1]] * (1 - lowest) + lowest)


def _lowest(optimizer: Optimizer, rate: float | None, part: float | None) -> float:
    """The lowest factor, from a rate or from a part of the optimizer's."""
    if (rate is None) == (part is None):
        raise ArgumentError(f"expected either min_lr or min_lr_rate; found min_lr={rate}, min_lr_rate={part}")
    return part if part is not None else rate / optimizer.defaults["lr"]

"""Where the marks of an axis stand, and what is written at them."""

import math

# A step between marks is one of these times a power of ten.
_STEPS = (1, 2, 2.5, 5, 10)


def ticks(low: float, high: float, count: int = 5, least: float = 0.0) -> list[float]:
    """About `count` round numbers within [low, high], at equal distances of `least` or more."""
    if not high > low:
        return [low]
    if not 1e-300 < high - low < math.inf:  # no step between these can be computed
        return [low, high]
    rough = max(least, (high - low) / max(1, count))
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [each * power for each in _STEPS if not (least == 1 and power == 1 and each == 2.5)]
    step = min(steps, key=lambda each: abs(math.log(each / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """The same for an axis of logarithms: powers of ten, with 2 and 5 times these where there are few. `low` is above 0."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / count))
    parts = (1, 2, 5) if last - first <= 2 else (1,)
    marks = [part * 10.0**power for power in range(first, last + 1, stride) for part in parts]
    within = [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]
    return within if len(within) > 1 else ticks(low, high, count)


def label(value: float, step: float | None = None, largest: float | None = None) -> str:
    """A number as short as an axis needs it: 20k, 1.5M, 0.001, 5e-05.

    Args:
        step: the distance to the next mark, from which the two must differ as they are written.
        largest: the largest mark of the axis, whose unit all of them take.
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e12 and largest is not None:
        size = max(size, min(abs(largest), 9e11))
    if size >= 1e12 or size < 1e-4:
        text = f"{value:.{_digits(value, step)}e}"
        number, _, power = text.partition("e")
        return f"{number.rstrip('0').rstrip('.') if '.' in number else number}e{int(power)}"
    for least, scale, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size >= least:
            text = _plain(value / scale, None if step is None else step / scale) + letter
            return text if len(text) <= 7 else _plain(value, step)
    return _plain(value, step)


def _digits(value: float, step: float | None) -> int:
    """Decimals of the mantissa of `value` that show a difference of `step`."""
    if not step:
        return 2
    return max(0, min(6, math.floor(math.log10(abs(value))) - math.floor(math.log10(abs(step)) + 1e-9) + 1))


def _plain(value: float, step: float | None) -> str:
    if step:
        decimals = max(0, -math.floor(math.log10(abs(step)) + 1e-9))
        # 2.5 and its like need one more.
        decimals += abs(round(step, decimals) - step) > abs(step) * 1e-6
    else:
        decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text if step or "." not in text else text.rstrip("0").rstrip(".")


def clock(seconds: float) -> str:
    """A duration: 45s, 2:05, 1:02:03, 2d 03:04:05."""
    if not math.isfinite(seconds) or seconds < 0:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}:{minutes:02}:{rest:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""Integers for numbers by half-quadratic splitting (Badri & Shaji 2023, HQQ), which needs no data."""

from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST = 2e4  # of steps to a unit of a number
_NORM, _WEIGHT, _GROWTH, _STEPS = 0.7, 10.0, 1.01, 20  # p, beta, kappa, and how often at most, of the paper's experiments


class Halves(NamedTuple):
    """numbers = (codes - zero) * scale along the axis of groups.

    codes, uint8, of the shape of the numbers. scale and zero, float32, of the same shape but for 1 along the axis.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor


def solve(numbers: Tensor, bits: int, axis: int, round_zero: bool, optimize: bool = True) -> Halves:
    """Integers for `numbers`, whose groups lie along `axis`.

    The zeros lower the sum of |number - rounded|^0.7, in which a few large errors count less: errors are split into sparse
    ones, which are set aside, and those that a zero can mend; twenty rounds at most, fewer once the mean error grows.

    round_zero: zeros begin as whole numbers. optimize: False leaves them as they begin, by least and largest number.
    """
    numbers = numbers.float()
    most = 2**bits - 1
    low, high = numbers.amin(axis, keepdim=True), numbers.amax(axis, keepdim=True)
    steps = (most / (high - low)).masked_fill(high - low <= 1e-4, 1.0).clamp(max=_LARGEST)  # to a unit
    zero = -low * steps
    if round_zero:
        zero = zero.round()
    if optimize:
        zero = _better_zero(numbers, steps, zero, most, axis)
    codes = (numbers * steps + zero).round_().clamp_(0, most).to(torch.uint8)
    return Halves(codes, 1 / steps, zero)


def _better_zero(numbers: Tensor, steps: Tensor, zero: Tensor, most: int, axis: int) -> Tensor:
    weight, least = _WEIGHT, torch.inf
    for _ in range(_STEPS):
        codes = (numbers * steps + zero).round_().clamp_(0, most)
        rounded = (codes - zero) / steps
        error = numbers - rounded
        mean = float(error.abs().mean())
        if mean >= least:
            break
        least = mean
        sparse = error.sign() * (error.abs() - error.abs().pow(_NORM - 1) / weight).clamp_(min=0)
        zero = (codes - (numbers - sparse) * steps).mean(axis, keepdim=True)
        weight *= _GROWTH
    return zero

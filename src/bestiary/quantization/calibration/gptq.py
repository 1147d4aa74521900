"""The GPTQ algorithm (Frantar et al. 2022): columns are rounded one after another, and those not yet rounded make up for it."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...core.errors import NumericsError
from ..grid import grid_of_group

_AT_A_TIME = 128  # columns whose errors reach the others together


class Solution(NamedTuple):
    """Integers of a layer: codes (N, K), uint8; scales and zeros (N, G), float32; groups (K,), the group of each column."""

    codes: Tensor
    scales: Tensor
    zeros: Tensor
    groups: Tensor


class Hessian:
    """H = 2 / n * sum of x x^T over the n inputs x of a layer: the squared error of its outputs for a change d of a row of W is
    d H d^T / 2, up to n.

    Attributes:
        matrix: (K, K), float32. count: inputs so far.
    """

    def __init__(self, columns: int, device: torch.device) -> None:
        self.matrix = torch.zeros(columns, columns, device=device)
        self.count = 0

    def add(self, x: Tensor) -> None:
        """Count inputs (..., K)."""
        rows = x.reshape(-1, x.shape[-1]).float()
        if not len(rows):
            return
        self.count += len(rows)
        self.matrix.mul_(1 - len(rows) / self.count).addmm_(rows.T, rows, alpha=2 / self.count)


def solve(
    weight: Tensor, hessian: Tensor, bits: int, group_size: int, sym: bool, damp: float, by_activation: bool, aware: bool
) -> Solution:
    """Integers for W (N, K) with a small error of the outputs over the inputs that the Hessian (K, K) tells of.

    Args:
        damp: share of the mean of the Hessian's diagonal that is added to it.
        by_activation: columns in the order of the diagonal, largest first; groups are made of neighbours in this order.
        aware: groups of neighbours as they are, in the order of their largest diagonal, columns of each in the order of theirs.

    Raises:
        NumericsError: the Hessian is not positive, even damped.
    """
    columns = weight.shape[1]
    size = columns if group_size == -1 else group_size
    hessian = hessian.clone()
    diagonal = hessian.diagonal()
    diagonal[diagonal == 0] = 1  # of inputs that are always 0, whose column has no part in any error
    order = _order(diagonal, size, by_activation, aware)
    diagonal += damp * diagonal.mean()
    factor = _factor(hessian[order][:, order])
    rest = weight.float()[:, order]
    codes = torch.empty(rest.shape, dtype=torch.uint8, device=rest.device)
    places = -(-columns // size)
    scales, zeros = rest.new_empty(len(rest), places), rest.new_empty(len(rest), places)
    groups = torch.empty(columns, dtype=torch.long, device=rest.device)
    for start, end in _spans(columns, size):
        errors = torch.empty_like(rest[:, start:end])
        for column in range(start, end):
            if by_activation or not aware:
                group, begins, last = column // size, column % size == 0, min(column + size, columns)
            else:
                group = int(order[column]) // size
                begins = column == 0 or int(order[column - 1]) // size != group
                last = min(column + size, column + columns - group * size)
            if begins:
                grid = grid_of_group(rest[:, column:last], bits, sym)
                scales[:, group], zeros[:, group] = grid.scales, grid.zeros
            groups[column] = group
            scale, zero = scales[:, group], zeros[:, group]
            code = (rest[:, column] / scale).round_().add_(zero).clamp_(0, 2**bits - 1)
            codes[:, column] = code.to(torch.uint8)
            error = (rest[:, column] - (code - zero) * scale) / factor[column, column]
            rest[:, column:end] -= torch.outer(error, factor[column, column:end])
            errors[:, column - start] = error
        rest[:, end:] -= errors @ factor[start:end, end:]
    back = order.argsort()
    return Solution(codes[:, back], scales, zeros, groups[back])


def _order(diagonal: Tensor, size: int, by_activation: bool, aware: bool) -> Tensor:
    """The order in which columns are rounded."""
    if by_activation:
        return diagonal.argsort(descending=True, stable=True)
    columns = len(diagonal)
    if not aware:
        return torch.arange(columns, device=diagonal.device)
    parts = [start + part.argsort(descending=True, stable=True) for start, part in _parts(diagonal, size)]
    largest = torch.stack([diagonal[part[0]] for part in parts])
    return torch.cat([parts[int(index)] for index in largest.argsort(descending=True, stable=True)])


def _parts(diagonal: Tensor, size: int) -> list[tuple[int, Tensor]]:
    return [(start, diagonal[start : start + size]) for start in range(0, len(diagonal), size)]


def _spans(columns: int, size: int) -> list[tuple[int, int]]:
    """Start and end of columns whose errors are handed on together: whole groups, or parts of one."""
    length = size * max(1, _AT_A_TIME // size) if size <= _AT_A_TIME else size
    spans = []
    for start in range(0, columns, length):
        end = min(start + length, columns)
        step = length if size <= _AT_A_TIME else _AT_A_TIME
        spans += [(at, min(at + step, end)) for at in range(start, end, step)]
    return spans


def _factor(hessian: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse."""
    lower, wrong = torch.linalg.cholesky_ex(hessian)
    if int(wrong) == 0 and bool(lower.isfinite().all()):
        upper, wrong = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
        if int(wrong) == 0 and bool(upper.isfinite().all()):
            factor: Tensor = upper
            return factor
    what = "is not positive" if bool(hessian.isfinite().all()) else "has numbers that are not finite"
    raise NumericsError(f"the Hessian of a layer's inputs {what}: raise damp_percent, or calibrate on more or other samples")

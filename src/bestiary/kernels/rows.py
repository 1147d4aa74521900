"""What products of quantized weights do to their input first: rows, their scale, the columns that stand apart."""

from typing import NamedTuple

import torch
from torch import Tensor


class QuantizedRows(NamedTuple):
    """Rows in 8 bits: row = codes * scales.

    codes (R, K), int8. scales (R, 1), float32. apart (A,): the columns that are left out (their codes are 0), or None.
    """

    codes: Tensor
    scales: Tensor
    apart: Tensor | None


def quantized_rows(rows: Tensor, outliers: float = 0.0) -> QuantizedRows:
    """`rows` (R, K) in 8 bits, symmetric, each by its own largest absolute value, which becomes 127.

    outliers: columns in which any row reaches this absolute value are left out, and the values that reach it do not count for
        the scale (Dettmers et al. 2022, LLM.int8()); 0 leaves out none.
    """
    kept, apart = rows.float(), None
    if outliers > 0:
        above = kept.abs() >= outliers
        apart = above.any(dim=0).nonzero().flatten()
        kept = kept.masked_fill(above, 0.0) if len(apart) else kept
    largest = kept.abs().amax(dim=-1, keepdim=True) if kept.shape[-1] else kept.new_zeros((len(kept), 1))
    # A number divided by a tensor would be its reciprocal times the number: two roundings.
    factor = (torch.full_like(largest, 127.0) / largest).masked_fill(largest == 0, 0.0)
    codes = (kept * factor).round().to(torch.int8)
    if apart is not None and len(apart):
        codes[:, apart] = 0
        return QuantizedRows(codes, largest / 127.0, apart)
    return QuantizedRows(codes, largest / 127.0, None)


def integer_product(rows: Tensor, codes: Tensor) -> Tensor:
    """int8 (R, K) x int8 (N, K) -> (R, N), the sums as float32; by `torch._int_mm` where it takes these sizes.

    With one column it gives other numbers on a CPU (torch 2.13).
    """
    fits = (rows.device.type == "cpu" and codes.shape[1] > 1) or (
        len(rows) > 16 and codes.shape[0] % 8 == 0 and codes.shape[1] % 8 == 0
    )
    if fits and rows.device.type in ("cpu", "cuda"):
        return torch._int_mm(rows, codes.t()).float()
    return rows.float() @ codes.float().t()

"""The compiled C kernels as functions of tensors: `native`."""

import ctypes
import os
from functools import cache
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from .compiling import NoKernels, compiled

# As in native/common.h.
FORMATS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
# The types of GGUF's blocks that the kernels read, by their numbers in files; as in native/blocks.h.
BLOCK_KINDS = frozenset((2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20))
# Weights of a byte each, as in native/bytes.c.
BYTES = {torch.int8: 0, torch.uint8: 1, torch.float8_e4m3fn: 2}
# A matrix of fewer weights is left to torch: small models need no compiler.
WORTH_COMPILING = 65536

_LARGE_PAGE = 2 << 20
_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_long, ctypes.c_void_p


class Native:
    """The kernels of one compiled file.

    instructions: what it was compiled for. tiles: whether it has AMX and may use it. threads: whether it runs on torch's.
    Arguments are contiguous tensors on the CPU; formats are those of `FORMATS`.
    """

    def __init__(self, path: Path) -> None:
        try:
            library = ctypes.CDLL(str(path))
        except OSError as error:
            raise NoKernels(f"{path} cannot be loaded ({error})") from error
        library.compiled_for.restype = ctypes.c_char_p
        self.path, self._library = path, library
        self.instructions = str(library.compiled_for(), "ascii")
        self.tiles = bool(library.amx())
        pool = team()
        self.threads = pool is not None
        if pool is not None:
            library.use_team(pool)
        self._int8, self._int4, self._half = library.int8_linear, library.int4_linear, library.half_linear
        self._unpack = library.int4_dequantize
        many: list[type] = [_POINTER, _INT, _LONG, _LONG]
        self._int8.argtypes = [*many, _LONG, ctypes.c_float, *[_POINTER] * 3, _LONG, _POINTER, _INT, _POINTER, _INT, _INT]
        self._int4.argtypes = [*many, *[_POINTER] * 4, _INT, _LONG, _LONG, _POINTER, _INT, _POINTER, _INT, _INT]
        self._half.argtypes = [*many, _POINTER, _LONG, _POINTER, _INT, _POINTER, _INT]
        self._unpack.argtypes = [_LONG, *[_POINTER] * 4, _INT, _LONG, _LONG, _POINTER, _INT, _INT]
        self._unpack.restype = None
        self._block, self._unblock = library.block_linear, library.block_dequantize
        self._block.argtypes = [*many, _POINTER, _INT, _LONG, _POINTER, _INT, _POINTER, _INT, _INT]
        self._unblock.argtypes = [_LONG, _POINTER, _INT, _LONG, _POINTER, _INT, _INT]
        self._byte, self._unbyte = library.byte_linear, library.byte_dequantize
        of_bytes: list[type] = [_POINTER, _INT, _POINTER, _POINTER, _LONG, _LONG, _LONG]
        self._byte.argtypes = [*many, *of_bytes, _POINTER, _INT, _POINTER, _INT]
        self._unbyte.argtypes = [_LONG, *of_bytes, _POINTER, _INT, _INT]
        self._unbyte.restype = None
        self._use_large_pages = library.use_large_pages
        self._use_large_pages.argtypes = [_POINTER, ctypes.c_size_t]
        self._use_large_pages.restype = None

    def address(self, name: str) -> int:
        """Where the function of this name begins, for the kernels of another file."""
        return ctypes.cast(getattr(self._library, name), _POINTER).value or 0

    def laid_out(self, values: Tensor) -> Tensor:
        """A contiguous copy of a view, in memory that the kernels read quickly."""
        result = torch.empty(values.shape, dtype=values.dtype)
        if result.nbytes >= _LARGE_PAGE:
            self._use_large_pages(result.data_ptr(), result.nbytes)
        return result.copy_(values)

    def int8_linear(
        self,
        x: Tensor,
        blocks: Tensor,
        scales: Tensor,
        sums: Tensor,
        bias: Tensor | None,
        outputs: int,
        outliers: float,
        tiles: bool,
    ) -> Tensor:
        """`int8.Int8Weight.linear` of x (..., K) with a packed weight."""
        *before, inputs = x.shape
        out = x.new_empty((*before, outputs))
        failed = self._int8(
            x.data_ptr(),
            FORMATS[x.dtype],
            prod(before),
            inputs,
            blocks.shape[1] * 4,
            outliers,
            blocks.data_ptr(),
            scales.data_ptr(),
            sums.data_ptr(),
            outputs,
            None if bias is None else bias.data_ptr(),
            0 if bias is None else FORMATS[bias.dtype],
            out.data_ptr(),
            torch.get_num_threads(),
            tiles,
        )
        if failed:
            raise _no_memory(out)
        return out

    def int4_linear(
        self,
        x: Tensor,
        blocks: Tensor,
        table: Tensor,
        scales: Tensor,
        offsets: Tensor | None,
        bias: Tensor | None,
        outputs: int,
        group: int,
        tiles: int,
    ) -> Tensor:
        """`int4.Int4Weight.linear` of x (..., K) with a packed weight; tiles 2: as accurate as in float32 whatever x is in."""
        *before, inputs = x.shape
        out = x.new_empty((*before, outputs))
        failed = self._int4(
            x.data_ptr(),
            FORMATS[x.dtype],
            prod(before),
            inputs,
            blocks.data_ptr(),
            table.data_ptr(),
            scales.data_ptr(),
            None if offsets is None else offsets.data_ptr(),
            FORMATS[scales.dtype],
            group,
            outputs,
            None if bias is None else bias.data_ptr(),
            0 if bias is None else FORMATS[bias.dtype],
            out.data_ptr(),
            torch.get_num_threads(),
            tiles,
        )
        if failed:
            raise _no_memory(out)
        return out

    def int4_dequantize(
        self,
        blocks: Tensor,
        table: Tensor,
        scales: Tensor,
        offsets: Tensor | None,
        shape: torch.Size,
        group: int,
        dtype: torch.dtype,
    ) -> Tensor:
        """The weight of a packed one, in `dtype`."""
        out = torch.empty(shape, dtype=dtype)
        self._unpack(
            shape[1],
            blocks.data_ptr(),
            table.data_ptr(),
            scales.data_ptr(),
            None if offsets is None else offsets.data_ptr(),
            FORMATS[scales.dtype],
            group,
            shape[0],
            out.data_ptr(),
            FORMATS[dtype],
            torch.get_num_threads(),
        )
        return out

    def block_linear(self, x: Tensor, blocks: Tensor, kind: int, bias: Tensor | None, tiles: bool) -> Tensor:
        """`blocks.block_linear` of x (..., K) with blocks (N, bytes of a row) of a type in `BLOCK_KINDS`."""
        *before, inputs = x.shape
        out = x.new_empty((*before, blocks.shape[0]))
        failed = self._block(
            x.data_ptr(),
            FORMATS[x.dtype],
            prod(before),
            inputs,
            blocks.data_ptr(),
            kind,
            blocks.shape[0],
            None if bias is None else bias.data_ptr(),
            0 if bias is None else FORMATS[bias.dtype],
            out.data_ptr(),
            torch.get_num_threads(),
            tiles,
        )
        if failed:
            raise _no_memory(out)
        return out

    def block_dequantize(self, blocks: Tensor, kind: int, outputs: int, inputs: int, dtype: torch.dtype) -> Tensor:
        """The numbers of blocks (outputs, bytes of a row) of a type in `BLOCK_KINDS`."""
        out = torch.empty((outputs, inputs), dtype=dtype)
        self._unblock(inputs, blocks.data_ptr(), kind, outputs, out.data_ptr(), FORMATS[dtype], torch.get_num_threads())
        return out

    def byte_linear(
        self, x: Tensor, codes: Tensor, scales: Tensor, offsets: Tensor | None, block: tuple[int, int], bias: Tensor | None
    ) -> Tensor:
        """`byte_weights.byte_linear` of x (..., K) with codes (N, K)."""
        *before, inputs = x.shape
        out = x.new_empty((*before, codes.shape[0]))
        failed = self._byte(
            x.data_ptr(),
            FORMATS[x.dtype],
            prod(before),
            inputs,
            *_of_bytes(codes, scales, offsets, block),
            None if bias is None else bias.data_ptr(),
            0 if bias is None else FORMATS[bias.dtype],
            out.data_ptr(),
            torch.get_num_threads(),
        )
        if failed:
            raise _no_memory(out)
        return out

    def byte_dequantize(
        self, codes: Tensor, scales: Tensor, offsets: Tensor | None, block: tuple[int, int], dtype: torch.dtype
    ) -> Tensor:
        """The numbers of codes (N, K)."""
        out = torch.empty(codes.shape, dtype=dtype)
        parts = _of_bytes(codes, scales, offsets, block)
        self._unbyte(codes.shape[1], *parts, out.data_ptr(), FORMATS[dtype], torch.get_num_threads())
        return out

    def half_linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x (..., K) @ weight (N, K).T + bias, x and weight in one dtype of 16 bits."""
        *before, inputs = x.shape
        out = x.new_empty((*before, weight.shape[0]))
        failed = self._half(
            x.data_ptr(),
            FORMATS[x.dtype],
            prod(before),
            inputs,
            weight.data_ptr(),
            weight.shape[0],
            None if bias is None else bias.data_ptr(),
            0 if bias is None else FORMATS[bias.dtype],
            out.data_ptr(),
            torch.get_num_threads(),
        )
        if failed:
            raise _no_memory(out)
        return out


def _of_bytes(codes: Tensor, scales: Tensor, offsets: Tensor | None, block: tuple[int, int]) -> tuple[int | None, ...]:
    offset = None if offsets is None else offsets.data_ptr()
    return codes.data_ptr(), BYTES[codes.dtype], scales.data_ptr(), offset, *block, codes.shape[0]


def _no_memory(out: Tensor) -> MemoryError:
    return MemoryError(f"no memory for a product whose result has the shape {tuple(out.shape)}; pass fewer rows at a time")


def team() -> ctypes.c_void_p | None:
    """`GOMP_parallel` of the OpenMP library that torch runs on, or None where torch has another pool."""
    for place in (*sorted((Path(torch.__file__).parent / "lib").glob("lib*omp*")), None):
        try:
            return ctypes.cast(ctypes.CDLL(None if place is None else str(place)).GOMP_parallel, ctypes.c_void_p)
        except (OSError, AttributeError, TypeError):
            continue
    return None


def as_kernels_take_it(bias: Tensor | None) -> Tensor | None:
    """A bias in a dtype and an order that the kernels read."""
    return bias if bias is None or (bias.dtype in FORMATS and bias.is_contiguous()) else bias.float().contiguous()


def switched_off() -> bool:
    """Whether the environment says that the C kernels are not to be compiled or used."""
    return os.environ.get("BESTIARY_NATIVE_KERNELS", "").lower() in ("0", "no", "off", "false")


@cache
def _loaded() -> "Native | NoKernels":
    try:
        return Native(compiled())
    except NoKernels as error:
        return error


def native(weights: int = WORTH_COMPILING) -> Native | None:
    """The kernels, compiled at the first call; None without them, and for so few weights that they are not worth it."""
    if weights < WORTH_COMPILING or switched_off():
        return None
    found = _loaded()
    return found if isinstance(found, Native) else None


def why_not() -> str:
    """Why there are no C kernels here; empty where there are."""
    if switched_off():
        return "switched off by BESTIARY_NATIVE_KERNELS"
    found = _loaded()
    return str(found) if isinstance(found, NoKernels) else ""

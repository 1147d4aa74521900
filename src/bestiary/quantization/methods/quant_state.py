"""What stands beside a weight of 4 bits in files: scales, tables, and a few facts as JSON (`QuantState`)."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...core.errors import CorruptFile
from ..stored import check_numbers
from .block_codes import TABLES, dynamic_map, in_8_bits, table

PREFIX = "weight."
FACTS = "weight.quant_state.bitsandbytes__"
_NESTED_SIZE = 256
_LONGEST = 4096  # bytes of JSON; what is written has about 170


@dataclass
class QuantState:
    """The scales of a weight, and what its codes stand for.

    Attributes:
        kind: name of the table. size: numbers in a block. dtype: of the weight before it was quantized. shape: its shape.
        table: the 16 numbers, float32. scales: of each block, float32.
        nested: codes of the scales, uint8; their largest values, float32; their map (256,), float32. None: they are no codes.
        nested_size, nested_offset: numbers in a block of scales; what is added to them.
    """

    kind: str
    size: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    table: Tensor
    scales: Tensor
    nested: tuple[Tensor, Tensor, Tensor] | None = None
    nested_size: int = _NESTED_SIZE
    nested_offset: float = 0.0

    def nest(self) -> None:
        """Put the scales into 8 bits, around their mean (Dettmers et al. 2023, section 3, double quantization)."""
        entries = dynamic_map().to(self.scales.device)
        offset = self.scales.mean()
        self.nested = (*in_8_bits(self.scales - offset, self.nested_size, entries), entries)
        self.nested_offset = float(offset)
        self.scales = self._unnested()

    def _unnested(self) -> Tensor:
        assert self.nested is not None
        codes, largest, entries = self.nested
        return entries[codes.int()] * largest.repeat_interleave(self.nested_size)[: len(codes)] + self.nested_offset

    def stored(self) -> dict[str, Tensor]:
        """The tensors of a file, by their names behind the layer's."""
        facts: dict[str, Any] = {
            "quant_type": self.kind,
            "blocksize": self.size,
            "dtype": str(self.dtype).removeprefix("torch."),
            "shape": list(self.shape),
        }
        tensors = {"absmax": self.scales, "quant_map": self.table}
        if self.nested is not None:
            codes, largest, entries = self.nested
            tensors |= {"absmax": codes, "nested_absmax": largest, "nested_quant_map": entries}
            facts |= {"nested_blocksize": self.nested_size, "nested_dtype": "float32", "nested_offset": self.nested_offset}
        text = torch.tensor(list(json.dumps(facts).encode()), dtype=torch.uint8)
        return {**{PREFIX + name: tensor for name, tensor in tensors.items()}, FACTS + self.kind: text}

    def to(self, device: torch.device) -> None:
        """Bring the tensors to a device."""
        self.table, self.scales = self.table.to(device), self.scales.to(device)
        if self.nested is not None:
            codes, largest, entries = (each.to(device) for each in self.nested)
            self.nested = codes, largest, entries

    @classmethod
    def from_file(cls, tensors: Mapping[str, Tensor], shape: tuple[int, int]) -> "QuantState":
        """From the tensors of a file, by their names behind the layer's, for a weight of `shape`.

        Raises:
            CorruptFile: they are not what they should be.
        """
        names = [name for name in tensors if name.startswith(FACTS)]
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise CorruptFile(f"a weight of 4 bits has one {FACTS}nf4, fp4 or int4 beside it; found {found}")
        facts = _facts(tensors[names[0]])
        kind = names[0].removeprefix(FACTS)
        if kind not in TABLES or facts.get("quant_type") != kind:
            raise CorruptFile(
                f"quant_type is {facts.get('quant_type')!r:.60} beside {names[0]:.100}; expected {', '.join(TABLES)}, the same"
                " in both"
            )
        size, said = facts.get("blocksize"), facts.get("shape")
        if type(size) is not int or not 2 <= size <= 2**20:
            raise CorruptFile(f"blocksize is {size!r:.60}; expected a number such as 64")
        if not isinstance(said, list) or said != list(shape):
            raise CorruptFile(f"quant_state says the shape {said!r:.100}; the layer has {list(shape)}")
        blocks = -(-math.prod(shape) // size)
        state = cls(kind, size, _floating(facts.get("dtype")), shape, _table(tensors, kind), torch.empty(0), None)
        scales = tensors.get("weight.absmax")
        if scales is None or scales.numel() != blocks:
            found = "none" if scales is None else str(tuple(scales.shape))
            raise CorruptFile(f"there are {found} scales (absmax); expected {blocks}, one for each {size} numbers")
        if scales.dtype != torch.uint8:
            if "nested_blocksize" in facts:
                raise CorruptFile(f"weight.absmax is {scales.dtype}; expected uint8, as quant_state says of scales in 8 bits")
            state.scales = _numbers(tensors, "absmax", blocks)
            return state
        nested, offset = facts.get("nested_blocksize"), facts.get("nested_offset")
        if type(nested) is not int or not 2 <= nested <= 2**20 or not _is_number(offset):
            raise CorruptFile(
                f"scales in 8 bits have nested_blocksize {nested!r:.60} and nested_offset {offset!r:.60}; expected a number"
                " such as 256, and a finite one"
            )
        largest = _numbers(tensors, "nested_absmax", -(-blocks // nested))
        state.nested = scales.flatten(), largest, _numbers(tensors, "nested_quant_map", 256)
        state.nested_size, state.nested_offset = nested, float(offset)  # type: ignore[arg-type]
        state.scales = state._unnested()
        return state


def shape_in(text: Tensor) -> tuple[int, int]:
    """The shape of a weight that the facts beside it say.

    Raises:
        CorruptFile: they say none.
    """
    shape = _facts(text).get("shape")
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(each) is int and each > 0 for each in shape):
        raise CorruptFile(f"quant_state says the shape {shape!r:.100}; expected rows and columns")
    return shape[0], shape[1]


def _facts(text: Tensor) -> dict[str, Any]:
    if text.dtype != torch.uint8 or text.numel() > _LONGEST:
        raise CorruptFile(f"quant_state is {text.dtype} of {text.numel()} values; expected JSON of at most {_LONGEST} bytes")
    try:
        facts = json.loads(bytes(text.flatten().tolist()))
    except (ValueError, RecursionError) as error:
        raise CorruptFile(f"quant_state is no JSON: {str(error)[:100]}") from error
    if not isinstance(facts, dict):
        raise CorruptFile(f"quant_state is a {type(facts).__name__}; expected a table with quant_type, blocksize, ...")
    return facts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e38


def _floating(name: Any) -> torch.dtype:
    kind = getattr(torch, name, None) if isinstance(name, str) else None
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise CorruptFile(f"quant_state says the dtype {name!r:.60}; expected a floating one, such as 'float16'")
    return kind


def _numbers(tensors: Mapping[str, Tensor], name: str, count: int) -> Tensor:
    tensor = tensors.get(PREFIX + name)
    if tensor is None:
        raise CorruptFile(f"there is no {PREFIX}{name}; expected {count} numbers in float32")
    return check_numbers(PREFIX + name, tensor.flatten(), (count,), (torch.float32,))


def _table(tensors: Mapping[str, Tensor], kind: str) -> Tensor:
    """The map of the file, which is that of its kind: some kernels read the one, some the other."""
    found, expected = _numbers(tensors, "quant_map", 16), table(kind)
    away = (found.cpu() - expected).abs()
    if away.max() > 1e-4:
        worst = int(away.argmax())
        raise CorruptFile(f"{PREFIX}quant_map has {found[worst]:.6g} for code {worst}; {kind} is {expected[worst]:.6g}")
    return found

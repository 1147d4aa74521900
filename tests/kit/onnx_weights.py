"""Reads the weights of a model quantized to 8 bits from an ONNX file: protocol buffers, of which five messages are needed."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

# Numbers of fields in onnx.proto, and of the types of tensors.
GRAPH, NODE, INITIALIZER = 7, 1, 5
NODE_INPUT, NODE_NAME, NODE_KIND = 1, 3, 4
DIMS, DATA_TYPE, FLOATS, INTEGERS, TENSOR_NAME, RAW_DATA = 1, 2, 4, 5, 8, 9
DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64}


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place, value, shift = place + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, place


def _fields(data: memoryview) -> dict[int, list[Any]]:
    """Number of a field -> its values: integers, or the bytes of texts, messages and numbers of fixed size."""
    fields: dict[int, list[Any]] = defaultdict(list)
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if key & 7 == 0:
            value, place = _varint(data, place)
            fields[key >> 3].append(value)
            continue
        size, place = _varint(data, place) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], place)
        fields[key >> 3].append(data[place : place + size])
        place += size
    return fields


def _text(fields: dict[int, list[Any]], number: int) -> str:
    return bytes(fields[number][0]).decode() if fields[number] else ""


def _array(tensor: dict[int, list[Any]]) -> np.ndarray:
    """Numbers stand in the tensor as bytes of their type, as floats, or as integers of variable size."""
    dtype, shape = DTYPES[tensor[DATA_TYPE][0]], tensor[DIMS]
    if tensor[INTEGERS]:
        values = [item if isinstance(item, int) else _varint(item, 0)[0] for item in tensor[INTEGERS]]
        return np.array(values, np.int64).astype(dtype).reshape(shape)
    [data] = tensor[RAW_DATA] or [b"".join(bytes(item) for item in tensor[FLOATS])]
    return np.frombuffer(data, dtype).reshape(shape)


def dequantized(data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Weights in float32 by the names of the modules that have them, `weight` at the end; linear ones (out, in)."""
    [graph] = _fields(memoryview(data))[GRAPH]
    parts = _fields(graph)
    arrays: dict[str, np.ndarray] = {}
    for message in parts[INITIALIZER]:
        tensor = _fields(message)
        arrays[_text(tensor, TENSOR_NAME)] = _array(tensor)

    def real(name: str) -> np.ndarray:
        values, scale, zero = (arrays[f"{name}_{part}"] for part in ("quantized", "scale", "zero_point"))
        output: np.ndarray = (values.astype(np.float32) - zero.astype(np.float32)) * scale
        return output

    for message in parts[NODE]:
        node = _fields(message)
        if _text(node, NODE_KIND) == "MatMulInteger":
            name = bytes(node[NODE_INPUT][1]).decode().removesuffix("_quantized")
            yield _text(node, NODE_NAME).strip("/").replace("/", ".").removesuffix(".MatMul_quant") + ".weight", real(name).T
    for name, array in arrays.items():
        if name.endswith("weight_quantized"):
            yield name.removesuffix("_quantized"), real(name.removesuffix("_quantized"))
        elif name.endswith(".weight"):
            yield name, array

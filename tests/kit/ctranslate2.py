"""Reads the `model.bin` of CTranslate2, in which published packages ship Whisper's weights."""

import struct
from collections.abc import Mapping

import numpy as np

# The numbers by which the format names its types.
DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_variables(data: bytes) -> dict[str, np.ndarray]:
    """Name -> array, names that stand for another variable included.

    Format 6: version, name of the model's kind, revision, number of variables; of each its name, rank, shape, type, size in
    bytes and data; number of aliases; of each its name and what it stands for. Little-endian; texts begin with their length.
    """
    position = 0

    def number(kind: str) -> int:
        nonlocal position
        [value] = struct.unpack_from(f"<{kind}", data, position)
        position += struct.calcsize(kind)
        return int(value)

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        return data[position - length : position].rstrip(b"\0").decode()

    version = number("I")
    assert version == 6, f"model.bin is of version {version}; expected 6"
    text(), number("I")
    variables: dict[str, np.ndarray] = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype, size = DTYPES[number("B")], number("I")
        variables[name] = np.frombuffer(data, dtype, size // np.dtype(dtype).itemsize, position).reshape(shape)
        position += size
    for _ in range(number("I")):
        alias, name = text(), text()
        variables[alias] = variables[name]
    assert position == len(data), f"{len(data) - position} bytes are left over"
    return variables


def _attention(variables: Mapping[str, np.ndarray], source: str, target: str, cross: bool) -> dict[str, np.ndarray]:
    """q, k and v are one matrix, or q is one and k and v are another; the key's bias is 0 there and does not exist here."""
    parts: dict[str, np.ndarray] = {}
    for kind in ("weight", "bias"):
        if cross:
            stacked = [variables[f"{source}/linear_0/{kind}"], *np.split(variables[f"{source}/linear_1/{kind}"], 2)]
        else:
            stacked = np.split(variables[f"{source}/linear_0/{kind}"], 3)
        parts |= {f"{target}.{name}_proj.{kind}": part for name, part in zip("qkv", stacked, strict=True)}
        parts[f"{target}.out_proj.{kind}"] = variables[f"{source}/linear_{1 + cross}/{kind}"]
    key_bias = parts.pop(f"{target}.k_proj.bias")
    assert not key_bias.any()
    return parts


def _pair(variables: Mapping[str, np.ndarray], source: str, target: str) -> dict[str, np.ndarray]:
    """Weight and bias of a norm or of another layer."""
    names = {"weight": "gamma", "bias": "beta"} if f"{source}/gamma" in variables else {"weight": "weight", "bias": "bias"}
    return {f"{target}.{name}": variables[f"{source}/{kind}"] for name, kind in names.items()}


def whisper_state_dict(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Whisper's weights under their published names."""
    state = {
        "model.decoder.embed_tokens.weight": variables["decoder/embeddings/weight"],
        "model.decoder.embed_positions.weight": variables["decoder/position_encodings/encodings"],
        "model.encoder.embed_positions.weight": variables["encoder/position_encodings/encodings"],
        **_pair(variables, "encoder/conv1", "model.encoder.conv1"),
        **_pair(variables, "encoder/conv2", "model.encoder.conv2"),
        **_pair(variables, "encoder/layer_norm", "model.encoder.layer_norm"),
        **_pair(variables, "decoder/layer_norm", "model.decoder.layer_norm"),
    }
    for source in {name.rsplit("/ffn", 1)[0] for name in variables if "/ffn" in name}:
        stack, layer = source.split("/layer_")
        target = f"model.{stack}.layers.{layer}"
        state |= _attention(variables, f"{source}/self_attention", f"{target}.self_attn", cross=False)
        state |= _pair(variables, f"{source}/self_attention/layer_norm", f"{target}.self_attn_layer_norm")
        state |= _pair(variables, f"{source}/ffn/linear_0", f"{target}.fc1")
        state |= _pair(variables, f"{source}/ffn/linear_1", f"{target}.fc2")
        state |= _pair(variables, f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
        if stack == "decoder":
            state |= _attention(variables, f"{source}/attention", f"{target}.encoder_attn", cross=True)
            state |= _pair(variables, f"{source}/attention/layer_norm", f"{target}.encoder_attn_layer_norm")
    return state

"""HQQ (Badri & Shaji 2023): integers of 8, 4, 3, 2 or 1 bits, found without data, in the files of the package of that name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, CorruptFile
from ...core.kinds import FINITE, Range, check
from ...kernels.steps import DENSE_LAYERS, Dense, Unfit, Watch
from ...nn.conv import Conv1D
from ...nn.quantized import QuantizedLinear
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..grid import group_of_columns
from ..grouped import GroupedLinear, grouped_step
from ..half_quadratic import solve
from ..method import Quantizer, columns
from ..stored import check_numbers

_KINDS: dict[str, Any] = {
    "nbits": Literal[8, 4, 3, 2, 1],
    "axis": Literal[0, 1],
    "group_size": Annotated[int, Range(8, FINITE.most)] | None,
    **dict.fromkeys(("optimize", "round_zero", "view_as_float"), bool),
}
"""What `weight_quant_params` hold."""
_PER_WORD = {8: 1, 4: 2, 3: 10, 2: 4, 1: 8}
"""Bits -> codes in a word: of 8 bits, or of 32 for 3 bits."""

WeightParams = dict[str, Any]


@dataclass(repr=False, init=False)
class HqqConfig(QuantizationConfigMixin):
    """Settings of HQQ.

    Args:
        nbits: 8, 4, 3, 2 or 1. group_size: numbers that share a scale and a zero, a multiple of 8; None: a row, or a column.
        view_as_float: files hold words as if they were numbers of the model's dtype.
        axis: 1, groups are neighbours in a row, which computes fast; 0, W is read as (group_size, ...) and groups are columns
            of that. None: 1.
        dynamic_config: end of a path, without numbers of layers, as in "self_attn.q_proj" -> its settings (nbits, group_size,
            ...); layers that it does not name stay as they are.
        skip_modules: names of modules that stay as they are.
        quant_config: the settings as files hold them, which come first.
    """

    quant_method = QuantizationMethod.HQQ
    skips_field = "skip_modules"

    quant_config: dict[str, Any]
    skip_modules: list[str] | None

    def __init__(
        self,
        nbits: int = 4,
        group_size: int | None = 64,
        view_as_float: bool = False,
        axis: int | None = None,
        dynamic_config: Mapping[str, Mapping[str, Any]] | None = None,
        skip_modules: list[str] | None = ["lm_head"],  # noqa: B006 - the published default, which is copied
        quant_config: dict[str, Any] | None = None,
    ) -> None:
        check("HqqConfig", "dynamic_config", dynamic_config, dict[str, dict[str, Any]] | None)
        if quant_config is None and dynamic_config:
            quant_config = {name: _params(**values) for name, values in dynamic_config.items()}
        self.quant_config = _params(nbits, group_size, view_as_float, axis) if quant_config in (None, {}) else quant_config
        self.skip_modules = list(skip_modules) if isinstance(skip_modules, list | tuple) else skip_modules
        self.__post_init__()

    def post_init(self) -> None:
        for params in [self.quant_config] if "weight_quant_params" in self.quant_config else self.quant_config.values():
            self._check(params)

    @staticmethod
    def _check(params: Any) -> None:
        check("HqqConfig", "quant_config", params, dict[str, Any])
        weight = params.get("weight_quant_params")
        check("HqqConfig", "weight_quant_params", weight, dict[str, Any])
        for name, kind in _KINDS.items():
            check("HqqConfig", name, weight.get(name), kind)
        size = weight.get("group_size")
        if size is not None and size % 8:
            raise ConfigError(f"HqqConfig: group_size is {size!r:.40}; expected a multiple of 8")
        if params.get("scale_quant_params") or params.get("zero_quant_params"):
            raise ConfigError("HqqConfig: scales and zeros that are quantized themselves are not read: leave them in numbers")

    def to_dict(self) -> dict[str, Any]:
        return {"quant_config": self.quant_config, "quant_method": self.quant_method.value, "skip_modules": self.skip_modules}

    def to_diff_dict(self) -> dict[str, Any]:
        usual = HqqConfig().to_dict()
        return {name: value for name, value in self.to_dict().items() if value != usual[name]}

    def of_layer(self, path: str) -> WeightParams | None:
        """What weights of the layer at `path` become; None: it stays as it is."""
        params = self.quant_config
        if "weight_quant_params" not in params:
            plain = ".".join(part for part in path.split(".") if not part.isdigit())
            params = next((each for name, each in params.items() if f".{plain}".endswith(f".{name}")), {})
        return params.get("weight_quant_params")


def _params(
    nbits: int = 4, group_size: int | None = 64, view_as_float: bool = False, axis: int | None = None, **unknown: Any
) -> dict[str, Any]:
    """Settings as files hold them."""
    if unknown := {name: value for name, value in unknown.items() if name not in ("quant_zero", "quant_scale", "offload_meta")}:
        raise ConfigError(f"HqqConfig: dynamic_config sets {', '.join(unknown):.80}, which are no settings")
    weight = {
        "nbits": nbits,
        "channel_wise": True,
        "group_size": group_size,
        "optimize": True,
        "round_zero": nbits == 4,
        "axis": 1 if axis is None else axis,
        "view_as_float": view_as_float,
    }
    return {"weight_quant_params": weight, "scale_quant_params": None, "zero_quant_params": None, "offload_meta": False}


class HqqLinear(GroupedLinear):
    """In files `W_q`, codes; `scale` and `zero` of groups; and facts, a tensor each.

    W is cut into groups, rows of (N K / g, g) for axis 1, columns of (g, N K / g) for axis 0. Several codes lie in a word:
    those of rows that are a part of all rows apart, the first highest.

    Attributes:
        words: W_q, where groups are not neighbours in a row; else None.
    """

    needs = ("W_q", "scale", "zero")
    words: Tensor | None
    scale: Tensor | None
    zero: Tensor
    facts: dict[str, Tensor]
    config: WeightParams

    @property
    def _shape_of_groups(self) -> tuple[int, int]:
        size, axis = self._size, self.config["axis"]
        count = self.out_features * self.in_features // size
        return (count, size) if axis == 1 else (size, count)

    @property
    def _size(self) -> int:
        return int(self.config["group_size"] or (self.in_features if self.config["axis"] == 1 else self.out_features))

    def quantize(self, weight: Tensor) -> None:
        bits, axis = self.config["nbits"], self.config["axis"]
        numbers = weight.reshape(self._shape_of_groups)
        halves = solve(numbers, bits, axis, self.config["round_zero"], self.config["optimize"])
        self.facts = {name: _as_tensor(value) for name, value in self._facts(weight.dtype).items()}
        self._take(halves.codes, halves.scale.to(weight.dtype), halves.zero.to(weight.dtype))

    def _facts(self, dtype: torch.dtype) -> dict[str, Any]:
        bits = self.config["nbits"]
        of_config = {name: self.config[name] for name in ("nbits", "group_size", "axis")}
        return {
            **{name: value for name, value in of_config.items() if value is not None},
            "shape": [self.out_features, self.in_features],
            "packing": "3bit_32" if bits == 3 else f"{bits}bit_u8",
            "unpack_view_dtype": str(_word(bits)),
            "compute_dtype": str(dtype),
            **{name: bool(self.config[name]) for name in ("view_as_float", "channel_wise", "optimize", "round_zero")},
            **dict.fromkeys(("quant_scale", "quant_zero", "offload_meta"), False),
            **dict.fromkeys(("encoded_state_dict", "stores_quant_config"), True),
        }

    def _take(self, codes: Tensor, scale: Tensor, zero: Tensor) -> None:
        bits, size = self.config["nbits"], self._size
        if self.config["axis"] == 1 and self.in_features % size == 0:
            table = (scale.view(self.out_features, -1), zero.view(self.out_features, -1))
            groups = group_of_columns(self.in_features, size).to(codes.device)
            self.hold_integers(codes.view(self.out_features, -1), *table, groups, bits, zero=zero, words=None, scale=None)
        else:
            self.hold(words=pack_rows(codes, bits), scale=scale, zero=zero)
            self.parameter_count = codes.numel()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        bits, shape, axis = self.config["nbits"], self._shape_of_groups, self.config["axis"]
        facts = {name: tensor for name, tensor in tensors.items() if name not in self.needs}
        self._check_facts(facts)
        words, scale, zero = (tensors[name] for name in self.needs)
        if words.is_floating_point() and words.element_size() % _word(bits).itemsize == 0:  # view_as_float
            words = words.contiguous().view(_word(bits))
        rows = -(-shape[0] // _PER_WORD[bits])
        of_groups = (shape[0], 1) if axis == 1 else (1, shape[1])
        if words.dtype != _word(bits) or words.shape != (rows, shape[1]) or not scale.shape == zero.shape == of_groups:
            raise CorruptFile(
                f"HQQ in {bits} bits, groups of {self._size} along axis {axis}: W_q is {words.dtype}"
                f" {tuple(words.shape)}, scale {tuple(scale.shape)} and zero {tuple(zero.shape)}; expected {_word(bits)}"
                f" {(rows, shape[1])} and {of_groups}"
            )
        self.facts = facts
        self._take(unpack_rows(words, bits, shape[0]), check_numbers("scale", scale), check_numbers("zero", zero))

    def _check_facts(self, facts: Mapping[str, Tensor]) -> None:
        """Refuse what a file says of its codes where the settings, by which they are read, say another thing."""
        of_config = self._facts(torch.float32)
        for name in ("nbits", "group_size", "axis", "shape", "packing"):
            if name in facts and name in of_config and not _says(facts[name], of_config[name]):
                found: Any = facts[name].flatten()[:40].tolist() if facts[name].dim() else facts[name].item()
                is_text = facts[name].dtype == torch.uint8 and isinstance(found, list)
                said = bytes(found).decode(errors="replace") if is_text else found
                raise CorruptFile(
                    f"{name} is {said!r:.60} in the file; quantization_config and the model say {of_config[name]!r}"
                )
        for name in ("quant_scale", "quant_zero"):
            if name in facts and not _says(facts[name], False):
                raise CorruptFile(
                    f"{name} is {facts[name].tolist()}: scales and zeros that are quantized themselves are not read"
                )

    def stored(self) -> dict[str, Tensor]:
        scale = self.scale
        if scale is None:
            words = pack_rows(self.integer_codes().view(self._shape_of_groups), self.config["nbits"])
            scale = self.group_scales().reshape(-1, 1)
        else:
            assert self.words is not None
            words = self.words
        if self.config["view_as_float"]:
            words = words.view(scale.dtype)
        return {"W_q": words, "scale": scale, "zero": self.zero, **self.facts}

    def dequantize(self) -> Tensor:
        if self.scale is None:
            return super().dequantize()
        assert self.words is not None
        codes = unpack_rows(self.words, self.config["nbits"], self._shape_of_groups[0])
        return ((codes - self.zero.float()) * self.scale.float()).view(self.out_features, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        if self.scale is None:
            return super().forward(x)
        return nn.functional.linear(x, self.dequantize().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


def _as_step(layer: Any, dtype: torch.dtype, watch: Watch) -> Dense:
    if layer.scale is not None:
        raise Unfit("groups of several rows")
    return grouped_step(layer, dtype, watch)


DENSE_LAYERS[HqqLinear.forward] = _as_step


def _as_tensor(value: Any) -> Tensor:
    """A fact as files hold it: text as its bytes."""
    if isinstance(value, str):
        return torch.tensor(list(value.encode()), dtype=torch.uint8)
    kind = torch.uint8 if isinstance(value, bool) else torch.int32 if isinstance(value, int) else torch.int64
    return torch.tensor(value, dtype=kind)


def _says(fact: Tensor, value: Any) -> bool:
    """Whether a fact of a file is this one, whatever dtype it is written in."""
    expected, found = _as_tensor(value).flatten(), fact.flatten()
    same: Tensor = found.to(torch.complex128) == expected if found.shape == expected.shape else torch.tensor(False)
    return bool(same.all())


def _word(bits: int) -> torch.dtype:
    return torch.int32 if bits == 3 else torch.uint8


def pack_rows(codes: Tensor, bits: int) -> Tensor:
    """Codes (r, c) -> words (r / n, c) of n codes: rows 0, r / n, 2 r / n ... together, the first highest.

    Rows of zeros are put behind where n does not divide r.
    """
    per_word, kind = _PER_WORD[bits], _word(bits)
    step = -(-len(codes) // per_word)
    codes = nn.functional.pad(codes, (0, 0, 0, step * per_word - len(codes))).to(kind)
    words = torch.zeros_like(codes[:step])
    for place in range(per_word):
        words |= codes[place * step : (place + 1) * step] << (bits * (per_word - 1 - place))
    return words


def unpack_rows(words: Tensor, bits: int, rows: int) -> Tensor:
    """The first `rows` rows of codes, uint8: the inverse of `pack_rows`."""
    per_word = _PER_WORD[bits]
    shifts = [bits * (per_word - 1 - place) for place in range(per_word)]
    return torch.cat([((words >> shift) & (2**bits - 1)).to(torch.uint8) for shift in shifts])[:rows]


class Hqq(Quantizer):
    """Opens files of HQQ, and makes them of any model in numbers."""

    config_class = HqqConfig
    layer = HqqLinear
    quantization_config: HqqConfig

    def make(self, path: str, dense: nn.Linear | Conv1D) -> QuantizedLinear:
        return self.layer(dense, self.quantization_config.of_layer(path), from_file=self.pre_quantized)

    def divisor(self) -> int:
        params = self.quantization_config.of_layer("") or {}
        return int(params.get("group_size") or 1)

    def fits(self, path: str, dense: nn.Linear | Conv1D) -> bool:
        params = self.quantization_config.of_layer(path) or {}
        inputs = columns(dense)
        outputs = dense.weight.numel() // inputs
        along = inputs if params["axis"] == 1 else outputs
        size = params["group_size"] or along
        rows = inputs * outputs // size if params["axis"] == 1 else size
        return along % size == 0 and (params["nbits"] == 3 or rows % _PER_WORD[params["nbits"]] == 0)

    def _stays(self, path: str, model: Any) -> bool:
        return self.quantization_config.of_layer(path) is None or super()._stays(path, model)

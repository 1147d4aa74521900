"""AWQ (Lin et al. 2023): files of integers of 4 bits, made with scales that spare the columns which matter most."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...loading.format import TensorInfo
from ..config import QuantizationConfigMixin, QuantizationMethod
from ..grid import group_of_columns
from ..grouped import GroupedLinear, check_shapes
from ..method import Quantizer
from ..scaled import matrix_shape
from ..stored import check_numbers
from ..words import pack_words, unpack_words
from .gptq import GPTQConfig, check_group_size

_BITS = 4
_PLACES = (0, 2, 4, 6, 1, 3, 5, 7)
"""The column, of eight neighbours, that each place of a word of version gemm holds."""


class AwqFormat(StrEnum):
    """How codes lie in files."""

    GEMM = "gemm"
    GEMV = "gemv"
    GEMV_FAST = "gemv_fast"
    LLM_AWQ = "llm-awq"


class AwqBackend(StrEnum):
    """What the published library computes with; here all compute alike."""

    LEGACY_AWQ = "autoawq"
    AUTO = "auto"
    AUTO_TRAINABLE = "auto_trainable"
    MACHETE = "machete"
    MARLIN = "marlin"
    EXLLAMA_V2 = "exllama_v2"
    EXLLAMA_V1 = "exllama_v1"
    GEMM = "gemm"
    GEMM_TRITON = "gemm_triton"
    GEMV = "gemv"
    GEMV_FAST = "gemv_fast"
    TORCH_AWQ = "torch_awq"
    TORCH_FUSED_AWQ = "torch_fused_awq"


@dataclass(repr=False)
class AwqConfig(QuantizationConfigMixin):
    """Settings of files of AWQ.

    Args:
        bits: 4. group_size: columns that share a scale; -1: all of a row. zero_point: whether zero is any of the integers.
        backend: of the published library; "llm-awq" means its files.
        modules_to_not_convert: names of modules that stay as they are.
        format, version: how codes lie in files (`AwqFormat`). w_bit, q_group_size: bits and group_size in older files.
        do_fuse, fuse_max_seq_len, modules_to_fuse, exllama_config: what fuses layers, which changes no number, is taken and not
            looked at.
    """

    quant_method = QuantizationMethod.AWQ

    bits: int = 4
    group_size: int = 128
    zero_point: bool = True
    backend: AwqBackend | str = AwqBackend.AUTO
    modules_to_not_convert: list[str] | None = None
    format: AwqFormat | str | None = None
    version: AwqFormat | str | None = None
    w_bit: int | None = None
    q_group_size: int | None = None
    do_fuse: bool | None = None
    fuse_max_seq_len: int | None = None
    modules_to_fuse: Any = None
    exllama_config: dict[str, Any] | None = None

    def post_init(self) -> None:
        self.bits, self.group_size = self.w_bit or self.bits, self.q_group_size or self.group_size
        check_group_size("AwqConfig", self.group_size)
        if self.backend == AwqFormat.LLM_AWQ.value:
            self.backend, self.format = AwqBackend.AUTO, AwqFormat.LLM_AWQ
        try:
            self.backend = AwqBackend(self.backend)
            self.format = self.version = AwqFormat(str(_value(self.version or self.format or "gemm")).lower())
        except ValueError as error:
            formats, backends = (", ".join(each.value for each in kind) for kind in (AwqFormat, AwqBackend))
            raise ConfigError(f"AwqConfig: {error}; expected of format {formats}, of backend {backends}") from error

    def get_loading_attributes(self) -> dict[str, Any]:
        """What a caller may set of files that are quantized already."""
        return {"backend": self.backend, "max_input_length": None}

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(GPTQConfig))

    def to_dict(self) -> dict[str, Any]:
        usual = GPTQConfig(4).to_dict()
        names = ["bits", "group_size", "zero_point", "backend", "modules_to_not_convert", "format", "version"]
        values = super().to_dict()
        shared = {name: value for name, value in usual.items() if name not in ("checkpoint_format", "quant_method")}
        return {**shared, "quant_method": self.quant_method.value, **{name: values[name] for name in names}}


def _value(name: Any) -> Any:
    return name.value if isinstance(name, Enum) else name


class AwqLinear(GroupedLinear):
    """In files `qweight`, `qzeros`, int32, and `scales`.

    gemm: (K, N / 8), (G, N / 8) and (G, N), eight columns of W^T in a word, in the order `_PLACES`.
    gemv: (N, K / 8), (N, Z) and (N, 8 Z), where Z words of zeros are at least what G groups fill.
    """

    needs = ("qweight", "qzeros", "scales")
    qzeros: Tensor
    file_scales: Tensor | None

    @property
    def _by_rows(self) -> bool:
        return bool(self.config.format == AwqFormat.GEMV)

    def quantize(self, weight: Tensor) -> None:
        raise ConfigError(_MADE_ELSEWHERE)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        rows, columns = self.out_features, self.in_features
        size = columns if self.config.group_size == -1 else self.config.group_size
        count = -(-columns // size)
        if self._by_rows:
            words = zero_words(columns, size)
            expected = {"qweight": (rows, columns // 8), "qzeros": (rows, words), "scales": (rows, words * 8)}
        else:
            expected = {"qweight": (columns, rows // 8), "qzeros": (count, rows // 8), "scales": (count, rows)}
        check_shapes(f"AWQ of version {self.config.format.value}, groups of {size} columns", tensors, expected)
        qweight, qzeros, scales = (tensors[name] for name in self.needs)
        check_numbers("scales", scales)
        if self._by_rows:
            codes, zeros = unpack_words(qweight, _BITS), unpack_words(qzeros, _BITS)[:, :count]
            kept, scales = scales, scales[:, :count].contiguous()
        else:
            codes, zeros = (_in_order(unpack_words(words, _BITS)).T.contiguous() for words in (qweight, qzeros))
            kept, scales = None, scales.T.contiguous()
        groups = group_of_columns(columns, size).to(codes.device)
        self.hold_integers(codes, scales, zeros, groups, _BITS, qzeros=qzeros, file_scales=kept)

    def stored(self) -> dict[str, Tensor]:
        codes = self.integer_codes()
        if self.file_scales is not None:
            return {"qweight": pack_words(codes, _BITS), "qzeros": self.qzeros, "scales": self.file_scales}
        qweight = pack_words(_in_places(codes.T), _BITS)
        return {"qweight": qweight, "qzeros": self.qzeros, "scales": self.group_scales().T.contiguous()}


def _in_order(codes: Tensor) -> Tensor:
    """Codes (..., n) as places of words hold them -> in the order of columns."""
    order = torch.tensor(_PLACES, device=codes.device).argsort()
    eights: Tensor = codes.unflatten(-1, (-1, 8))
    return eights[..., order].flatten(-2)


def _in_places(codes: Tensor) -> Tensor:
    """The inverse of `_in_order`."""
    eights: Tensor = codes.unflatten(-1, (-1, 8))
    return eights[..., list(_PLACES)].flatten(-2)


def zero_words(columns: int, size: int) -> int:
    """Words of zeros in a row of version gemv: those of 8 groups each, up to a multiple of 2 for groups of 64 columns and of 4
    for groups of 32."""
    multiple = {32: 4, 64: 2}.get(size, 1)
    words = -(-(columns // size) // 8)
    return -(-words // multiple) * multiple


_MADE_ELSEWHERE = (
    "files of AWQ are opened here, and not made: quantize by GPTQConfig on the same texts, or by HqqConfig or"
    " BitsAndBytesConfig without any"
)


class Awq(Quantizer):
    """Opens files of AWQ."""

    config_class = AwqConfig
    layer = AwqLinear
    keeps_heads = True
    requires_calibration = True
    quantization_config: AwqConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        super().check(device_map)
        settings = self.quantization_config
        if not self.pre_quantized:
            raise ConfigError(_MADE_ELSEWHERE)
        if settings.bits != _BITS:
            raise ConfigError(f"AWQ files have {_BITS} bits; quantization_config says {settings.bits}")
        if settings.format not in (AwqFormat.GEMM, AwqFormat.GEMV):
            form = str(settings.format)
            raise ConfigError(f"AWQ files of version {form} are not read: convert them to version gemm, or gemv")

    def shape_in_file(self, path: str, tensors: Mapping[str, TensorInfo]) -> tuple[int, ...] | None:
        if not all(need in tensors for need in self.layer.needs):
            return None
        first, words = matrix_shape(tensors["qweight"])
        return (first, words * 8) if self.quantization_config.format == AwqFormat.GEMV else (words * 8, first)

"""8 and 4 bits in the format of bitsandbytes, which need not be installed (Dettmers et al. 2022, LLM.int8(); 2023, QLoRA)."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ...core.errors import ArgumentError, ConfigError, CorruptFile, did_you_mean
from ...core.kinds import EndlessAmount
from ...core.logging import warn_once
from ...loading.checkpoint import Checkpoint, Encoded
from ...nn.quantized_stack import QuantizedStack
from ..config import QuantizationConfigMixin, QuantizationMethod, table_of
from ..method import Quantizer
from .block_codes import TABLES
from .linear_4bit import STORAGE, Linear4bit
from .linear_8bit import Linear8bit
from .quant_state import FACTS, shape_in

_EXCLUDES = {"load_in_8bit": "load_in_4bit", "load_in_4bit": "load_in_8bit"}
_LARGEST = torch.finfo(torch.float64).max


@dataclass(repr=False)
class BitsAndBytesConfig(QuantizationConfigMixin):
    """Settings of 8 or 4 bits.

    Args:
        load_in_8bit, load_in_4bit: one of them.
        llm_int8_threshold: columns of the input with a number of this size or more are multiplied in full precision; 0: none.
        llm_int8_skip_modules: names of modules that stay as they are; None: the head over the vocabulary and the last module.
        llm_int8_enable_fp32_cpu_offload: parts that the device map places on disk, or on the CPU beside other devices, stay.
        llm_int8_has_fp16_weight: keep the numbers, and quantize them anew in every call.
        bnb_4bit_compute_dtype: of products with 4-bit weights; None: float32.
        bnb_4bit_quant_type: "nf4", "fp4" (Dettmers et al. 2023), or "int4", 16 equal steps, which bitsandbytes does not read.
        bnb_4bit_use_double_quant: quantize the scales too.
        bnb_4bit_quant_storage: dtype under which 4-bit weights lie in files; None: uint8.
    """

    quant_method = QuantizationMethod.BITS_AND_BYTES
    skips_field = "llm_int8_skip_modules"
    shows_all = False
    wrong_kind = ArgumentError

    load_in_8bit: bool = False
    load_in_4bit: bool = False
    llm_int8_threshold: EndlessAmount = 6.0
    llm_int8_skip_modules: list[str] | None = None
    llm_int8_enable_fp32_cpu_offload: bool = False
    llm_int8_has_fp16_weight: bool = False
    bnb_4bit_compute_dtype: Any = None
    bnb_4bit_quant_type: str = "fp4"
    bnb_4bit_use_double_quant: bool = False
    bnb_4bit_quant_storage: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _EXCLUDES:
            if not isinstance(value, bool):
                raise ArgumentError(f"{name} is {value!r:.60}; expected True or False")
            if value and self.__dict__.get(_EXCLUDES[name]):
                raise ConfigError("load_in_8bit and load_in_4bit are both True: choose one, set the other to False first")
        super().__setattr__(name, value)

    def post_init(self) -> None:
        self.llm_int8_threshold = float(min(self.llm_int8_threshold, _LARGEST))  # an integer may be beyond all floats
        self.bnb_4bit_compute_dtype = _dtype("bnb_4bit_compute_dtype", self.bnb_4bit_compute_dtype, torch.float32)
        self.bnb_4bit_quant_storage = _dtype("bnb_4bit_quant_storage", self.bnb_4bit_quant_storage, torch.uint8)
        if not self.bnb_4bit_compute_dtype.is_floating_point:
            raise ConfigError(f"bnb_4bit_compute_dtype is {self.bnb_4bit_compute_dtype}; expected a floating-point type")
        if self.bnb_4bit_quant_storage not in STORAGE:
            expected = ", ".join(str(each).removeprefix("torch.") for each in STORAGE)
            raise ConfigError(f"bnb_4bit_quant_storage is {self.bnb_4bit_quant_storage}; expected one of {expected}")

    @property
    def _load_in_8bit(self) -> bool:
        return self.load_in_8bit

    @property
    def _load_in_4bit(self) -> bool:
        return self.load_in_4bit

    def is_quantizable(self) -> bool:
        """Whether it says how many bits."""
        return self.load_in_8bit or self.load_in_4bit

    def quantization_method(self) -> str | None:
        """ "llm_int8", "fp4" or "nf4"; None of settings that say neither 8 nor 4 bits."""
        if self.load_in_8bit:
            return "llm_int8"
        return self.bnb_4bit_quant_type if self.load_in_4bit else None

    @classmethod
    def without_effect(cls) -> tuple[str, ...]:
        return ("_load_in_8bit", "_load_in_4bit")

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        return {**values, "_load_in_8bit": self.load_in_8bit, "_load_in_4bit": self.load_in_4bit}

    def at_opening(self) -> dict[str, Any]:
        names = ("llm_int8_threshold", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage")
        return {name: getattr(self, name) for name in names}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        yield from copy.deepcopy({"quant_method": self.quant_method, **vars(self)}).items()


@dataclass(repr=False)
class BitsAndBytesAllConfig(BitsAndBytesConfig):
    """The same of files with more in few bits than the published library reads: experts, "int4", layers of classes of its own.

    It would start anew what it does not find; so that it refuses them by the name of the method, this stands in their tables
    for the dtype of products, which is under another name.
    """

    quant_method = QuantizationMethod.BITS_AND_BYTES_ALL

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        return {**values, "bnb_4bit_compute_dtype": self.quant_method.value, "compute_dtype": values["bnb_4bit_compute_dtype"]}

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], return_unused_kwargs: bool = False, **kwargs: Any) -> Any:
        values = dict(table_of(config_dict))
        values["bnb_4bit_compute_dtype"] = values.pop("compute_dtype", values.get("bnb_4bit_compute_dtype"))
        return super().from_dict(values, return_unused_kwargs, **kwargs)


def _dtype(name: str, value: Any, usual: torch.dtype) -> torch.dtype:
    kind = getattr(torch, value.removeprefix("torch."), None) if isinstance(value, str) else value
    if kind is None and value is None:
        return usual
    if not isinstance(kind, torch.dtype):
        raise ConfigError(f"{name} is {value!r:.60}; expected a torch dtype or its name, such as 'bfloat16'")
    return kind


class BitsAndBytes(Quantizer):
    """LLM.int8(), and 4 bits in blocks."""

    config_class = BitsAndBytesConfig
    layer = Linear8bit
    quantization_config: BitsAndBytesConfig

    def check(self, device_map: Mapping[str, Any] | None) -> None:
        settings = self.quantization_config
        places = device_map or {}
        if settings.llm_int8_enable_fp32_cpu_offload:
            beside = set(places.values()) - {"cpu", "disk", torch.device("cpu")}
            apart = ("disk", "cpu", torch.device("cpu")) if beside else ("disk",)
            self.stays = [name for name, device in places.items() if device in apart]
            places = {name: device for name, device in places.items() if name not in self.stays}
        super().check(places)
        if not settings.is_quantizable():
            warn_once("bits", "BitsAndBytesConfig says neither load_in_8bit nor load_in_4bit: 4 bits are used")
        kind = settings.bnb_4bit_quant_type
        if not settings.load_in_8bit and kind not in TABLES:
            known = list(TABLES)
            raise ConfigError(
                f"bnb_4bit_quant_type is {kind!r:.60}; expected one of {', '.join(known)}.{did_you_mean(kind, known)}"
            )

    @property
    def quantizes_experts(self) -> bool:  # type: ignore[override]
        """Of files that bitsandbytes wrote they are numbers."""
        return not self.pre_quantized

    def encoded(self, checkpoint: Checkpoint) -> dict[str, Encoded]:
        by_path: dict[str, dict[str, str]] = {}
        for key in checkpoint.keys:
            path, dot, local = key.rpartition(".SCB") if key.endswith(".SCB") else key.rpartition(".weight")
            by_path.setdefault(path, {})[f"{dot}{local}"[1:]] = key
        result = {}
        for path, names in by_path.items():
            facts = next((key for name, key in names.items() if name.startswith(FACTS)), None)
            if "weight" in names and (facts is not None or "SCB" in names):
                try:
                    shape = checkpoint.keys[names["weight"]].shape if facts is None else shape_in(checkpoint.tensor(facts))
                except CorruptFile:
                    continue  # which the layer tells
                build = partial(self._numbers, path, tuple(names), shape)
                result[f"{path}.weight"] = Encoded(tuple(names.values()), shape, build)
        return result

    def finish(self, model: Any) -> None:
        settings = self.quantization_config
        apart = any(isinstance(module, QuantizedStack) for module in model.modules()) or model._dense_of_own_class
        if apart or (settings.load_in_4bit and settings.bnb_4bit_quant_type == "int4"):
            values = settings.to_dict()
            self.quantization_config = BitsAndBytesAllConfig.from_dict(values)
        super().finish(model)
        if model.is_quantized:
            model.quantization_method = QuantizationMethod.BITS_AND_BYTES  # which libraries ask for

    def make(self, path: str, dense: Any) -> Any:
        kind = Linear8bit if self.quantization_config.load_in_8bit else Linear4bit
        return kind(dense, self.quantization_config, from_file=self.pre_quantized)


class BitsAndBytesAll(BitsAndBytes):
    """What the published library does not read in the format of bitsandbytes: experts, and "int4"."""

    config_class = BitsAndBytesAllConfig
    quantizes_experts = True

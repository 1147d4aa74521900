"""Models in few bits: how one is opened so, and what it can no longer do."""

from pathlib import Path
from typing import Any, ClassVar

import torch

from ..core.dtypes import floating_dtype
from ..core.errors import ArgumentError, ConfigError, InputError
from ..core.files import read_json
from ..core.logging import warn_once
from ..hub.files import find_file
from ..hub.options import HubOptions
from ..loading.checkpoint import Checkpoint
from ..nn.quantized import QuantizedEmbedding, QuantizedLinear
from ..quantization.config import method_class, settings_of
from ..quantization.method import Quantizer, dequantize_layers
from .config import PreTrainedConfig


class QuantizedMixin:
    """What a model says of the few bits it is in, and refuses because of them.

    Class attributes:
        _dense_of_own_class: whether the published code has dense layers of a class of its own, which the published library
            leaves as numbers, so that it does not read files in which they are not.
    """

    _dense_of_own_class: ClassVar[bool] = False
    is_quantized = False
    quantization_method: Any = None
    hf_quantizer: Quantizer | None = None

    @property
    def is_loaded_in_8bit(self) -> bool:
        """Whether the model was opened in 8 bits."""
        return bool(getattr(_settings_of(self), "load_in_8bit", False))

    @property
    def is_loaded_in_4bit(self) -> bool:
        """Whether the model was opened in 4 bits."""
        return bool(getattr(_settings_of(self), "load_in_4bit", False))

    def quantize(self: Any, quantization_config: Any) -> Any:
        """Quantize the weights in place, as `from_pretrained(..., quantization_config=)` does while it reads them.

        Returns: the model.

        Raises:
            InputError: it is quantized already. ConfigError, ArgumentError: the settings are none, or do not fit it.
        """
        if self.is_quantized:
            method = self.quantization_method.value
            raise InputError(f"{type(self).__name__} is quantized already ({method}): dequantize() first")
        settings = settings_of(quantization_config)
        quantizer = method_class(settings.quant_method)(settings)
        quantizer.check(self.__dict__.get("hf_device_map"))
        quantizer.quantize(self)
        quantizer.finish(self)
        return self

    def dequantize(self: Any, dtype: torch.dtype | None = None) -> Any:
        """Give every quantized layer back as an ordinary one, with the numbers that it computes with.

        Args:
            dtype: that of all parameters from then on; None: the model's, of these layers.

        Returns: the model.

        Raises:
            InputError: the model is not quantized, or `dtype` is no floating one.
        """
        dequantize_layers(self, self.dtype if dtype is None else floating_dtype(dtype))
        for name in ("hf_quantizer", "is_quantized", "quantization_method"):
            self.__dict__.pop(name, None)
        vars(self.config).pop("quantization_config", None)
        for parameter in self.parameters() if dtype is not None else ():
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(floating_dtype(dtype))
        return self

    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        """As torch's `to`; a quantized model moves to other devices and keeps its dtype.

        Raises:
            InputError: another dtype for a quantized model.
        """
        if self._in_few_bits:
            dtype = torch._C._nn._parse_to(*args, **kwargs)[1]
            if dtype not in (None, self.dtype):
                self._refuse_dtype(f"to({dtype})")
        return super().to(*args, **kwargs)  # type: ignore[misc]

    def type(self: Any, dst_type: Any) -> Any:
        """As torch's; refused of a quantized model."""
        if self._in_few_bits:
            self._refuse_dtype(f"type({dst_type})")
        return super().type(dst_type)  # type: ignore[misc]

    def half(self: Any) -> Any:
        """As torch's; refused of a quantized model."""
        return self._refuse_dtype("half()") if self._in_few_bits else super().half()  # type: ignore[misc]

    def float(self: Any) -> Any:
        """As torch's; refused of a quantized model."""
        return self._refuse_dtype("float()") if self._in_few_bits else super().float()  # type: ignore[misc]

    def bfloat16(self: Any) -> Any:
        """As torch's; refused of a quantized model."""
        return self._refuse_dtype("bfloat16()") if self._in_few_bits else super().bfloat16()  # type: ignore[misc]

    def double(self: Any) -> Any:
        """As torch's; refused of a quantized model."""
        return self._refuse_dtype("double()") if self._in_few_bits else super().double()  # type: ignore[misc]

    @property
    def _in_few_bits(self: Any) -> bool:
        """Whether it, or the model that it is a part of, is quantized."""
        return self.is_quantized or any(isinstance(each, QuantizedLinear | QuantizedEmbedding) for each in self.modules())

    def _refuse_dtype(self: Any, call: str) -> Any:
        method = "few bits" if self.quantization_method is None else self.quantization_method.value
        raise InputError(
            f"{call}: weights of {method} have no other dtype; open the checkpoint with dtype= for what is not quantized, or"
            " dequantize() the model"
        )


def _settings_of(model: Any) -> Any:
    return None if model.hf_quantizer is None else model.hf_quantizer.quantization_config


def take_older_settings(
    config: PreTrainedConfig, checkpoint: Checkpoint, given: Any, name_or_path: Any, hub: HubOptions
) -> None:
    """Give `config` the settings of a checkpoint of GPTQ or AWQ that has them in a file of their own, or only from the caller.

    Raises:
        ConfigError: it has none, and the caller `given` none. CorruptFile: the file is no JSON table.
    """
    if config.get("quantization_config") is not None or not any(key.endswith(".qweight") for key in checkpoint.keys):
        return
    for filename, method in {"quantize_config.json": "gptq", "quant_config.json": "awq"}.items():
        path = find_file(name_or_path, filename, hub) if isinstance(name_or_path, str | Path) else None
        if path is not None:
            config.quantization_config = {"quant_method": method, **read_json(path)}
            return
    if given is None:
        raise ConfigError(
            f"{name_or_path} holds weights of GPTQ or AWQ, and no settings of theirs, neither in config.json nor in"
            " quantize_config.json: pass them, such as quantization_config=GPTQConfig(bits=4, group_size=128)"
        )
    config.quantization_config = settings_of(given).to_dict()


def quantizer_for(
    config: PreTrainedConfig, given: Any, load_in_8bit: bool | None, load_in_4bit: bool | None, name_or_path: Any
) -> Quantizer | None:
    """The method that a checkpoint is, or shall be, quantized by; None where it is not.

    Args:
        given: settings, or a table of them. load_in_8bit, load_in_4bit: short for settings that say only this.

    Raises:
        ConfigError: settings of another method than the checkpoint's, or no method at all. ArgumentError: both ways are used,
            or settings of another kind.
    """
    flags = {"load_in_8bit": load_in_8bit, "load_in_4bit": load_in_4bit}
    for name, flag in flags.items():
        if not isinstance(flag, bool | None):
            raise ArgumentError(f"{name} is {flag!r:.60}; expected True or False")
    short = {name: True for name, asked in flags.items() if asked}
    if short and given is not None:
        raise ArgumentError(f"{', '.join(short)} says what quantization_config is for: pass one of them")
    asked = settings_of(short) if short else None if given is None else settings_of(given)
    if config.get("quantization_config") is None:
        return None if asked is None else method_class(asked.quant_method)(asked)
    stored = settings_of(config.quantization_config)
    if asked is not None:
        if not isinstance(stored, type(asked)):
            raise ConfigError(
                f"{name_or_path} is quantized by {stored.quant_method.value}, and quantization_config is for"
                f" {asked.quant_method.value}: leave it out, or open a checkpoint that is not quantized"
            )
        for name, value in asked.at_opening().items():
            setattr(stored, name, value)
        if asked.to_dict() != stored.to_dict():
            warn_once("stored-quantization", "the checkpoint is quantized: of quantization_config only how to compute counts")
    quantizer: Quantizer = method_class(stored.quant_method)(stored, pre_quantized=True)
    return quantizer


def check_trainable(model: Any) -> None:
    """Refuse to train a model whose dense layers are in few bits, and which has no adapter.

    Raises:
        InputError: it is such a model, or its method gives adapters no gradient.
    """
    if not getattr(model, "is_quantized", False):
        return
    method, quantizer = model.quantization_method.value, model.hf_quantizer
    if not (getattr(model, "_hf_peft_config_loaded", False) or hasattr(model, "peft_config")):
        raise InputError(
            f"{type(model).__name__} is in few bits ({method}), which cannot be trained: add an adapter, whose weights are"
            " trained beside them (add_adapter), or dequantize() the model"
        )
    if not quantizer.is_trainable:
        raise InputError(f"layers of {method} give adapters beside them no gradient: dequantize() the model")

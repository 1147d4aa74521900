"""Dense layers whose weights are stored in few bits: what those of every method have in common."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..core.free_memory import Freed
from .alias import Alias
from .conv import Conv1D
from .quantized_weight import QuantizedWeight


class StateToRead(OrderedDict[str, Any]):
    """A state, to be passed as `destination`, in which the large tensors of quantized layers have no data.

    A file's form of such a tensor is made anew when it is asked for, so that those of all layers are never in memory together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._homes: dict[str, tuple[QuantizedLinear, str]] = {}
        self._freed = Freed()

    def without_large(self, prefix: str, layer: "QuantizedLinear", stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`stored` with tensors on the device "meta" for those that are a quarter of it, or more, each."""
        large = {name for name, tensor in stored.items() if 4 * tensor.nbytes >= sum(each.nbytes for each in stored.values())}
        self._homes.update({prefix + name: (layer, name) for name in large})
        self._freed.add(8 * sum(stored[name].nbytes for name in large))  # with what making them takes
        return {name: torch.empty_like(each, device="meta") if name in large else each for name, each in stored.items()}

    def data(self, name: str) -> Tensor | None:
        """The tensor `name`, made now; None of one that is in the state itself."""
        if name not in self._homes:
            return None
        layer, local = self._homes[name]
        tensor = layer.stored()[local]
        self._freed.add(8 * tensor.nbytes)
        return tensor


class QuantizedEmbedding(nn.Embedding, ABC):
    """Rows of numbers that are stored in few bits; what it holds are buffers.

    Attributes:
        weight: a `QuantizedWeight`, which stands for the rows (num_embeddings, embedding_dim).
        number_dtype: what `dequantize` gives.
        parameter_count: what counts of parameters are told of a weight that is no parameter.
    """

    out_features, in_features = Alias("num_embeddings"), Alias("embedding_dim")
    number_dtype: torch.dtype = torch.float32
    parameter_count: int = 0
    parameter_bytes: int = 0

    @property
    def weight(self) -> Any:  # type: ignore[override]
        """See the attributes."""
        return QuantizedWeight(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight":
            self.quantize(value)
        super().__setattr__(name, value)

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return next(self.buffers(recurse=False)).device

    def quantize(self, weight: Tensor) -> None:
        """Refuse other numbers.

        Raises:
            InputError: always.
        """
        raise InputError("an embedding in few bits keeps the numbers of its file: dequantize() the model to set others")

    @abstractmethod
    def dequantize(self) -> Tensor:
        """The rows as numbers (num_embeddings, embedding_dim)."""

    @abstractmethod
    def dense(self, dtype: torch.dtype | None = None) -> nn.Embedding:
        """An ordinary embedding of the same kind as the one this stands for, with the same numbers."""


class QuantizedLinear(nn.Linear, ABC):
    """y = x W^T + b, where W (out_features, in_features) is stored in few bits. A method derives its kind of layer from it.

    A layer is made in the place of a dense one and starts empty. It is filled once: by `quantize`, from numbers, or by
    `restore`, from the tensors of a file, which `stored` gives back bit for bit. What it holds are buffers that are no part of
    the state; its state is what `stored` gives, under the names in files, which may have dots in them.

    Attributes:
        config: the settings of the method.
        weight: a parameter of W's shape until the layer is filled from numbers; then a `QuantizedWeight`, which stands for W.
        number_dtype: what `dequantize` gives.
        parameter_count, parameter_bytes: what counts of parameters and bytes are told of a weight that is no parameter.
        transposed: whether the layer that it stands for keeps its weight as (in, out), as Conv1D does.
        stands_for: the dense layer, without numbers, of a layer that a file is to fill; None in all others.
    """

    needs: tuple[str, ...] = ()
    """Names of the tensors in files without which `restore` cannot fill a layer."""

    nf, nx = Alias("out_features"), Alias("in_features")  # as of a Conv1D
    stands_for: nn.Linear | Conv1D | None
    number_dtype: torch.dtype = torch.float32
    parameter_count: int = 0
    parameter_bytes: int = 0

    def __init__(self, dense: nn.Linear | Conv1D, config: Any, from_file: bool = False) -> None:
        nn.Module.__init__(self)
        self.transposed = isinstance(dense, Conv1D)
        rows, columns = dense.weight.shape
        self.out_features, self.in_features = (columns, rows) if self.transposed else (rows, columns)
        self.config = config
        self._parameters["weight"] = None if from_file else dense.weight  # type: ignore[assignment]
        self.register_parameter("bias", dense.bias)
        self.__dict__["stands_for"] = dense if from_file else None  # no part of this layer
        self.training = dense.training

    @property
    def weight(self) -> Any:
        """See the attributes; None of a layer that waits for its file."""
        if self.stands_for is not None:
            return None
        parameter = self._parameters["weight"]
        return QuantizedWeight(self) if parameter is None else parameter

    @weight.setter
    def weight(self, weight: Tensor) -> None:
        self.quantize(weight)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight" and isinstance(value, Tensor):  # torch would put it beside the property, which reads another
            self.quantize(value.detach())
        else:
            super().__setattr__(name, value)

    @property
    def is_filled(self) -> bool:
        """Whether the layer has its weight in few bits, and can compute."""
        parameter = self._parameters["weight"]
        return self.stands_for is None and (parameter is None or not parameter.is_floating_point())

    @property
    def device(self) -> torch.device:
        """Where the weight is."""
        return next(each.device for each in (*self.buffers(recurse=False), *self.parameters(recurse=False)))

    def hold(self, **tensors: Tensor | None) -> None:
        """Keep `tensors` as buffers; the weight that the layer was made with goes, and the layer is filled."""
        self.__dict__["stands_for"] = None
        self._parameters["weight"] = None
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    @abstractmethod
    def quantize(self, weight: Tensor) -> None:
        """Fill the layer from numbers W (out_features, in_features)."""

    @abstractmethod
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Fill the layer from the tensors of a file, by their names behind the layer's own; `needs` are among them.

        Raises:
            CorruptFile: a shape, dtype or value does not fit the layer.
        """

    @abstractmethod
    def stored(self) -> dict[str, Tensor]:
        """The tensors of a file that `restore` fills a layer from, without the bias."""

    @abstractmethod
    def dequantize(self) -> Tensor:
        """The numbers that the layer computes with, W (out_features, in_features)."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""

    def dense(self, dtype: torch.dtype | None = None) -> nn.Linear | Conv1D:
        """An ordinary layer of the same kind as the one this stands for, with the numbers that it computes with."""
        weight = self.dequantize()
        weight = weight.to(dtype or weight.dtype)
        with torch.device("meta"):
            if self.transposed:
                layer: Any = Conv1D(self.out_features, self.in_features)
            else:
                layer = nn.Linear(self.in_features, self.out_features)
        layer.weight = nn.Parameter(weight.T.contiguous() if self.transposed else weight)
        layer.bias = None if self.bias is None else nn.Parameter(self.bias.to(weight.dtype))
        dense: nn.Linear | Conv1D = layer.train(self.training)
        return dense

    def fill(self, weight: Tensor) -> None:
        """`quantize` a weight as the layer that this stands for keeps it."""
        self.quantize(weight.T.contiguous() if self.transposed else weight)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """As torch's; what is held in few bits moves to the device of other tensors and keeps its dtype."""
        held = dict(self._buffers)
        device = fn(torch.empty(0, device=self.device)).device if self.is_filled else None
        self._buffers.clear()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._buffers.update(held)
        if device is not None:
            self.move(device)
        return self

    def move(self, device: torch.device) -> None:
        """Bring what is held in few bits to a device."""
        for name, tensor in self._buffers.items():
            self._buffers[name] = None if tensor is None else tensor.to(device)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.is_filled:
            destination.pop(f"{prefix}weight", None)
            stored = self.stored()
            if isinstance(destination, StateToRead):
                stored = destination.without_large(prefix, self, stored)
            destination.update({prefix + name: tensor for name, tensor in stored.items()})

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        names = [name for name in state_dict if name.startswith(prefix) and name != f"{prefix}bias"]
        tensors = {name.removeprefix(prefix): state_dict[name] for name in names}
        missing_keys += [prefix + name for name in self.needs if name not in tensors]
        if self.needs and all(name in tensors for name in self.needs):
            self.restore(tensors)
        if self.bias is not None and f"{prefix}bias" in state_dict:
            with torch.no_grad():
                self.bias.copy_(state_dict[f"{prefix}bias"])

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"

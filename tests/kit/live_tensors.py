"""Bytes of the tensors that are alive while something runs."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bestiary.core.live_bytes import LiveBytes


class LiveTensors(TorchDispatchMode):
    """Counts the tensors that are made inside (`bytes.most` is the most at a time), those on "meta" apart."""

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.bytes = LiveBytes()
        self.bytes.ignore(known)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.bytes.count([each for each in tree_leaves(result) if isinstance(each, Tensor) and each.device.type == "cpu"])
        return result

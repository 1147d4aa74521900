"""The bytes of tensors that are alive, counted as operations make them."""

import weakref
from collections.abc import Iterable
from functools import partial
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves


class LiveBytes:
    """Counts storages from when an operation returned them until nothing holds them any more.

    Attributes:
        now: bytes that are alive. most: the most that were at one time; may be set back to `now`.
    """

    def __init__(self) -> None:
        self.now = self.most = 0
        self._known: dict[int, Any] = {}

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Do not count these, nor views of them."""
        for tensor in tensors:
            self._known[tensor.untyped_storage()._cdata] = None

    def count(self, result: Any) -> Any:
        """`result` of an operation, whose tensors count from now on."""
        for tensor in tree_leaves(result):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()
            place = storage._cdata
            if place not in self._known:
                size = storage.nbytes()
                self._known[place] = weakref.ref(storage, partial(self._forget, place, size))
                self.now += size
                self.most = max(self.most, self.now)
        return result

    def _forget(self, place: int, size: int, _: Any) -> None:
        self._known.pop(place, None)
        self.now -= size

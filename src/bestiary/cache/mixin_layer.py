"""The base of layers that others write: what the published library asks of one is enough."""

from abc import ABCMeta, abstractmethod
from typing import Any

from torch import Tensor

from ..core.errors import InputError
from .layer import CacheLayer, Change


class _AnyLayer(ABCMeta):
    """Every layer of a cache counts as one of these."""

    def __instancecheck__(cls, layer: Any) -> bool:
        return super().__instancecheck__(layer) or (cls is CacheLayerMixin and isinstance(layer, CacheLayer))

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls is CacheLayerMixin and CacheLayer in kind.__mro__)


class CacheLayerMixin(CacheLayer, metaclass=_AnyLayer):
    """A layer that keeps `keys` and `values` (B, G, S, K), which its `update` sets, and says whether it `is_initialized`.

    Its newest tokens cannot be taken back, for nobody says how.
    """

    keys: Tensor | None = None
    values: Tensor | None = None
    is_initialized: bool = False
    is_croppable = False
    not_cut = "a layer of this class does not say how"

    def __init__(self, **kwargs: Any) -> None:
        self.keys = self.values = None
        self.is_initialized = False

    @abstractmethod
    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Get ready for keys and values like these (B, G, any, K), of which nothing is kept, and set `is_initialized`."""

    @abstractmethod
    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Slots that attention will see after `query_length` new tokens, and the number of the token in the first of them."""

    def geometry(self, new: int) -> tuple[int, int]:
        slots, first = self.get_mask_sizes(new)
        return slots, int(self.get_seq_length()) - first

    def can_crop(self, length: int) -> bool:
        return length >= self.get_seq_length()

    def crop(self, length: int) -> None:
        """Nothing is cut off: `can_crop` holds for the present length alone."""

    def map_tensors(self, change: Change) -> None:
        if self.keys is not None and self.values is not None:
            self.keys, self.values = change(self.keys), change(self.values)

    def reset(self) -> None:
        for tensor in (self.keys, self.values):
            if tensor is not None:
                tensor.zero_()

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        if self.keys is None or self.values is None:
            return {}, {}
        return {"keys": self.keys, "values": self.values}, {"seen": int(self.get_seq_length())}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        if not tensors:
            return self.reset()
        self.keys, self.values = tensors["keys"].clone(), tensors["values"].clone()
        if int(self.get_seq_length()) != numbers["seen"]:
            raise InputError(
                f"a {type(self).__name__} that was given the keys of {numbers['seen']} tokens says it has seen"
                f" {int(self.get_seq_length())}; override restore and state so that they agree"
            )

"""The cache of layers that keep a state of fixed size instead of keys and values (Gu and Dao 2023, Mamba), or beside them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ..base import Cache
from ..layer import CacheLayer, Change
from ..layer_types import LayerTypes

__all__ = ["HybridLayer", "MambaCache", "RecurrentLayer"]

ALIASES: dict[str, dict[str, Any]] = {"mamba": {}}


class RecurrentLayer(CacheLayer):
    """The newest inputs of a causal convolution, and the state of a recurrence. Neither can go back to an earlier token.

    Attributes:
        conv_states: (B, C, W), the inputs of the last W positions; recurrent_states: (B, ...). None before the first update.
    """

    def __init__(self) -> None:
        self.conv_states: Tensor | None = None
        self.recurrent_states: Tensor | None = None
        self._seen = 0

    resumes = is_linear = True
    is_croppable = supports_early_init = False
    not_cut = "a recurrent state cannot be cut"

    @property
    def keys(self) -> None:
        return None

    @property
    def values(self) -> None:
        return None

    @property
    def is_initialized(self) -> bool:
        return self.conv_states is not None or self.recurrent_states is not None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        raise ArgumentError(
            "a recurrent layer keeps states, no keys and values: this model needs another cache, such as 'dynamic'"
        )

    def update_conv_state(self, conv_states: Tensor, width: int | None = None) -> Tensor:
        """Add inputs (B, C, T) of the convolution; the newest `width` of all are kept and returned.

        Args:
            width: W, the width of the kernel; default: what is held, or T at first. Zeros stand for what was before the text.
        """
        earlier, new = self.conv_states, conv_states.shape[2]
        width = width or (new if earlier is None else earlier.shape[2])
        if earlier is None:
            earlier = conv_states.new_zeros(*conv_states.shape[:2], width)
        kept = min(max(width - new, 0), earlier.shape[2])
        self.conv_states = torch.cat([earlier[:, :, earlier.shape[2] - kept :], conv_states[:, :, -width:]], dim=2)
        self._seen += new
        return self.conv_states

    def update_recurrent_state(self, recurrent_states: Tensor) -> Tensor:
        """Keep `recurrent_states` (B, ...) in place of the former state."""
        self.recurrent_states = recurrent_states
        return recurrent_states

    def count(self, new: int) -> None:
        """Note `new` tokens, for layers without a convolution."""
        self._seen += new

    def geometry(self, new: int) -> tuple[int, int]:
        return self._seen + new, self._seen

    def get_seq_length(self) -> int:
        return self._seen

    def get_max_length(self) -> None:
        return None

    def crop(self, length: int) -> None:
        """Does nothing: `can_crop` holds for the present length alone."""

    def needs(self, length: int) -> int:
        return length  # nothing but the state itself

    def map_tensors(self, change: Change) -> None:
        if self.conv_states is not None:
            self.conv_states = change(self.conv_states)
        if self.recurrent_states is not None:
            self.recurrent_states = change(self.recurrent_states)

    def reset(self) -> None:
        self.conv_states = self.recurrent_states = None
        self._seen = 0

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        states = {"conv_states": self.conv_states, "recurrent_states": self.recurrent_states}
        return {name: tensor for name, tensor in states.items() if tensor is not None}, {"seen": self._seen}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        self.reset()
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        self.conv_states, self.recurrent_states = copies.get("conv_states"), copies.get("recurrent_states")
        self._seen = numbers["seen"]


class HybridLayer(CacheLayer):
    """The keys and values of an attention, and the state of what stands beside it in the same block.

    Attributes:
        attention: what keeps the keys and values; all that attention asks goes there. memory: what keeps the state.
    """

    resumes, not_cut = RecurrentLayer.resumes, RecurrentLayer.not_cut
    is_croppable = False

    def __init__(self, attention: CacheLayer) -> None:
        self.attention, self.memory = attention, RecurrentLayer()

    @property
    def keys(self) -> Tensor | None:
        return self.attention.keys

    @property
    def values(self) -> Tensor | None:
        return self.attention.values

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return self.attention.update(key_states, value_states)

    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        return self.attention.geometry(new)

    def shown(self, mask: Tensor, new: int) -> Tensor:
        return self.attention.shown(mask, new)

    def position(self) -> int | Tensor:
        return self.attention.position()

    def get_seq_length(self) -> int:
        return self.attention.get_seq_length()

    def get_max_length(self) -> int | None:
        return self.attention.get_max_length()

    def crop(self, length: int) -> None:
        """Does nothing: `can_crop` holds for the present length alone."""

    def needs(self, length: int) -> int:
        return length

    def map_tensors(self, change: Change) -> None:
        self.attention.map_tensors(change)
        self.memory.map_tensors(change)

    def map_batch(self, change: Change) -> None:
        self.attention.map_batch(change)
        self.memory.map_batch(change)

    def reorder(self, parents: Tensor, since: int) -> None:
        self.attention.reorder(parents, since)
        self.memory.reorder(parents, since)

    def reset(self) -> None:
        self.attention.reset()
        self.memory.reset()

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        (keys, numbers), (states, more) = self.attention.state(), self.memory.state()
        return keys | states, more | numbers

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        states = {name: tensor for name, tensor in tensors.items() if name in ("conv_states", "recurrent_states")}
        self.attention.restore({name: tensor for name, tensor in tensors.items() if name not in states}, numbers)
        self.memory.restore(states, numbers)


def layer_for(types: LayerTypes, layer_idx: int, make: Callable[[], CacheLayer]) -> CacheLayer:
    """A new layer for the kind of layer `layer_idx`; `make` gives one that keeps keys and values."""
    if types.is_recurrent(layer_idx):
        return RecurrentLayer()
    return HybridLayer(make()) if types.is_hybrid(layer_idx) else make()


def recurrent_layer(
    cache: Cache, layer_idx: int, device: torch.device | None = None, beside_keys: bool = False
) -> RecurrentLayer:
    """What `cache` keeps for layer `layer_idx`, one with a state, of a model that computes on `device` (None: as last time).

    A cache that knows no config, or makes all layers alike, learns here that this layer keeps a state, or, with `beside_keys`,
    a state and keys.

    Raises:
        ArgumentError: it holds keys and values for that layer.
    """
    layer = cache.layer(layer_idx)
    if not isinstance(layer, RecurrentLayer | HybridLayer):
        if layer.get_seq_length():
            raise ArgumentError(
                f"layer {layer_idx} of this model keeps a state, and this {type(cache).__name__} holds the keys and values of "
                f"{layer.get_seq_length()} tokens for it: another model filled it; make a new one"
            )
        cache.layers[layer_idx] = layer = HybridLayer(layer) if beside_keys else RecurrentLayer()
        cache.is_compileable = False  # its states are new tensors in each step
    if cache.transfer is not None:
        cache.transfer.bring(cache.layers, layer_idx, device)
    return layer.memory if isinstance(layer, HybridLayer) else layer


class MambaCache(Cache):
    """States of a model all of whose layers are recurrent. Its size does not depend on the length of the text.

    Args:
        config: the model's config; needed only to start from zeros at once.
        max_batch_size: rows; when given, states of zeros are made at once, of the sizes `intermediate_size`, `conv_kernel` and
            `state_size` of `config`. `batch_size` is its older name.
        dtype, device: of these; default: fp32, the CPU.
    """

    kind = "recurrent"
    is_endless = True

    def __init__(
        self,
        config: Any = None,
        batch_size: int | None = None,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        rows = batch_size if max_batch_size is None else max_batch_size
        if rows is None and (dtype is not None or device is not None):
            raise ArgumentError("dtype and device are for states made at once: pass max_batch_size too")
        if rows is None:
            return
        for index in range(config.num_hidden_layers):
            layer = self._recurrent(index)
            layer.conv_states = torch.zeros(rows, config.intermediate_size, config.conv_kernel, dtype=dtype, device=device)
            layer.recurrent_states = torch.zeros(rows, config.intermediate_size, config.state_size, dtype=dtype, device=device)

    def make_layer(self, layer_idx: int) -> RecurrentLayer:
        return RecurrentLayer()

    def _recurrent(self, layer_idx: int) -> RecurrentLayer:
        return recurrent_layer(self, layer_idx)

    def update_conv_state(self, conv_states: Tensor, layer_idx: int, width: int | None = None) -> Tensor:
        """`RecurrentLayer.update_conv_state` of layer `layer_idx`."""
        return self._recurrent(layer_idx).update_conv_state(conv_states, width)

    def update_recurrent_state(self, recurrent_states: Tensor, layer_idx: int) -> Tensor:
        """`RecurrentLayer.update_recurrent_state` of layer `layer_idx`."""
        return self._recurrent(layer_idx).update_recurrent_state(recurrent_states)

    def has_previous_state(self, layer_idx: int = 0) -> bool:
        """Whether layer `layer_idx` has seen any token."""
        return self.get_seq_length(layer_idx) > 0

    @property
    def conv_states(self) -> list[Tensor | None]:
        """The (B, C, W) of each layer."""
        return [layer.conv_states for layer in self.layers if isinstance(layer, RecurrentLayer)]

    @property
    def ssm_states(self) -> list[Tensor | None]:
        """The recurrent state of each layer."""
        return [layer.recurrent_states for layer in self.layers if isinstance(layer, RecurrentLayer)]


def build(config: Any, length: int) -> MambaCache:
    """A `MambaCache`; it has no options and needs no length."""
    return MambaCache(config)

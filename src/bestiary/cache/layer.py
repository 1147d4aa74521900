"""What one layer of a cache keeps: the protocol of all kinds."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

Change = Callable[[Tensor], Tensor]


class Tokens(NamedTuple):
    """Exact keys and values (B, G, n, K) of the tokens from number `first` on."""

    first: int
    keys: Tensor
    values: Tensor


class CacheLayer(ABC):
    """What one layer keeps.

    Class attributes:
        is_sliding: forgets tokens beyond a window. sliding_window: its length, where that is all there is to it.
        resumes: what `state` gives can be continued as if it were the text so far, though not cut.
        not_cut: why `tokens` may give None.
        is_linear: keeps a state of fixed size in place of keys and values.
        is_compileable: shapes never change. is_croppable: the newest tokens can be taken back.
        supports_early_init: room can be taken before the first tokens come.
    """

    is_sliding: ClassVar[bool] = False
    is_linear: ClassVar[bool] = False
    is_compileable: ClassVar[bool] = False
    is_croppable: ClassVar[bool] = True
    supports_early_init: ClassVar[bool] = True
    _offloaded_from: torch.device | None = None
    sliding_window: int | None = None
    resumes: ClassVar[bool] = False
    not_cut: ClassVar[str] = ""

    @property
    @abstractmethod
    def keys(self) -> Tensor | None:
        """The keys held, (B, G, S, K); None before the first update."""

    @property
    @abstractmethod
    def values(self) -> Tensor | None:
        """The values held, (B, G, S, K); None before the first update."""

    @property
    def is_initialized(self) -> bool:
        """Whether the layer holds anything, or room for it."""
        return self.keys is not None

    @abstractmethod
    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add `keys` and `values` (B, G, T, K); returns all that attention looks at, (B, G, S, K).

        Further arguments are what models written for other caches pass (angles, slots); every layer here counts by itself.
        """

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Get ready for keys and values like these (B, G, any, K), of which nothing is kept; `update` does it by itself."""
        self.reset()

    @abstractmethod
    def geometry(self, new: int) -> tuple[int, int | Tensor]:
        """(S, first): slots that attention sees once `new` tokens are added, and the slot of the first of these."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Slots that attention will see after `query_length` new tokens, and the number of the token in the first of them."""
        slots, first = self.geometry(query_length)
        return slots, self.get_seq_length() - int(first)

    @property
    def dtype(self) -> torch.dtype | None:
        """That of what is held; None before the first update."""
        return next((tensor.dtype for tensor in self.state()[0].values()), None)

    @property
    def device(self) -> torch.device | None:
        """Where what is held belongs, also while it is in the host's memory; None before the first update."""
        return self._offloaded_from or next((tensor.device for tensor in self.state()[0].values()), None)

    def offload(self) -> None:
        """Move what is held to the host's memory; `prefetch` brings it back."""
        home = self.device
        self.map_tensors(lambda tensor: tensor.to("cpu", non_blocking=True))
        self._offloaded_from = home

    def prefetch(self) -> None:
        """Move what `offload` took away back to where it was."""
        home, self._offloaded_from = self._offloaded_from, None
        if home is not None:
            self.map_tensors(lambda tensor: tensor.to(home, non_blocking=True))

    @abstractmethod
    def get_seq_length(self) -> int:
        """Tokens seen so far."""

    @abstractmethod
    def get_max_length(self) -> int | None:
        """Tokens this layer can ever hold; None when there is no limit."""

    def position(self) -> int | Tensor:
        """The position of the next token: how many came before it."""
        return self.get_seq_length()

    def shown(self, mask: Tensor, new: int) -> Tensor:
        """The columns of `mask` (..., seen + new) for the slots that attention sees; by default all (masks keep the newest)."""
        return mask

    @abstractmethod
    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens (0 <= length <= tokens seen), for which `can_crop` holds."""

    def can_crop(self, length: int) -> bool:
        """Whether what the layer would hold after the first `length` tokens is still there."""
        tokens = self.tokens()
        return tokens is not None and tokens.first <= self.needs(length)

    @abstractmethod
    def map_tensors(self, change: Change) -> None:
        """Replace every tensor (B, ...) held by what `change` makes of it."""

    def map_batch(self, change: Change) -> None:
        """Replace the batch: `change` maps a tensor (B, ...) to one of any number of rows."""
        self.map_tensors(change)

    def reorder(self, parents: Tensor, since: int) -> None:
        """Row i becomes the former row `parents[i]` (B,), from which it differs in the tokens from `since` on alone."""
        self.map_batch(lambda tensor: tensor.index_select(0, parents.to(tensor.device)))

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Row i becomes the former row `beam_idx[i]` (B,)."""
        self.reorder(beam_idx, 0)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row `repeats` times, copies side by side."""
        self.map_batch(lambda tensor: tensor.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows `indices`, in that order."""
        self.map_batch(lambda tensor: tensor.index_select(0, indices.to(tensor.device)))

    def __repr__(self) -> str:
        return type(self).__name__

    @abstractmethod
    def reset(self) -> None:
        """Forget everything, keep what is allocated."""

    @abstractmethod
    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """All that is held, as tensors (B, ...) and numbers; no tensors before the first update."""

    @abstractmethod
    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, int]) -> None:
        """Take up what `state` gave; the tensors are copied."""

    def tokens(self) -> Tokens | None:
        """What is held, token by token, where that is exact; None where a state cannot be taken apart."""
        return None

    def needs(self, length: int) -> int:
        """The first token that must be held once `length` tokens were seen; `restore` takes those from there on, or more."""
        return 0

    def nbytes(self) -> int:
        """Bytes of the tensors held, room to spare included."""
        sizes: list[int] = []

        def note(tensor: Tensor) -> Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        self.map_tensors(note)
        return sum(sizes)


def read_only(buffer: Tensor) -> bool:
    """Whether torch forbids writing: what was made in inference mode, outside of it."""
    # Torch's compiler cannot ask.
    return not torch.compiler.is_compiling() and buffer.is_inference() and not torch.is_inference_mode_enabled()


def move_rows(slots: Tensor, parents: Tensor) -> None:
    """Row i of `slots` (B, ...) becomes the former row `parents[i]` (B,), in place."""
    slots.copy_(slots.index_select(0, parents.to(slots.device)))

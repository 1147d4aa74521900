"""A cache for many sequences at once: a pool of blocks, each with room for a page of tokens, handed out as they are needed.

A sequence wastes less than one block. Full blocks that hold the same tokens after the same tokens are shared, counted, and
kept after their last user is gone, until their room is needed (Kwon et al. 2023, PagedAttention).
"""

import heapq
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from ..core.errors import CapacityError

Tensor = torch.Tensor

# The name that precedes the first block of a sequence: no tokens.
START = 0


class BlockPool:
    """Which blocks are free, how many sequences use each of the others, and what the full ones hold.

    The content of a full block has a name: a number that stands for its tokens and all tokens before them. It is looked up
    by (name of the block before, tokens), not by a hash of them, so that two texts are never mistaken for each other.
    """

    def __init__(self, blocks: int, page_size: int) -> None:
        self.size, self.page_size = blocks, page_size
        self._fresh = 0  # blocks from this one on were never used
        self._free: list[int] = []  # a heap: low numbers first, so that what is in use stays together
        self._users: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # named blocks without users, the longest unused first
        self._keys: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._entries: dict[tuple[int, tuple[int, ...]], tuple[int, int]] = {}
        self._last_name = START
        self._reused: list[int] = []

    @property
    def available(self) -> int:
        """Blocks that can be taken."""
        return len(self._free) + len(self._idle) + self.size - self._fresh

    def users(self, block: int) -> int:
        """How many sequences use `block`."""
        return self._users.get(block, 0)

    def take(self) -> int:
        """A block for one sequence. Of those that only wait for their tokens to come again, the longest unused goes first.

        Raises:
            CapacityError: all are in use.
        """
        if self._free:
            block = heapq.heappop(self._free)
            self._reused.append(block)
        elif self._fresh < self.size:
            block, self._fresh = self._fresh, self._fresh + 1
        elif self._idle:
            block = self._idle.popitem(last=False)[0]
            del self._entries[self._keys.pop(block)]
            self._reused.append(block)
        else:
            raise CapacityError(f"all {self.size} blocks of {self.page_size} tokens are in use")
        self._users[block] = 1
        return block

    def pop_reused(self) -> list[int]:
        """Blocks taken since the last call that were used before: a former sequence's keys and values are still in them."""
        blocks, self._reused = self._reused, []
        return blocks

    def find(self, before: int, tokens: Sequence[int]) -> tuple[int, int] | None:
        """(block, name) of the full block that holds `tokens` after what `before` names, or None."""
        return self._entries.get((before, tuple(tokens)))

    def share(self, block: int) -> None:
        """Count one more user of `block`."""
        self._users[block] = self.users(block) + 1
        self._idle.pop(block, None)

    def name(self, block: int, before: int, tokens: Sequence[int]) -> int:
        """Register the `tokens` of the full `block`; returns their name. A block registered earlier with the same stays."""
        key = (before, tuple(tokens))
        entry = self._entries.get(key)
        if entry is not None:
            return entry[1]
        self._last_name += 1
        self._keys[block], self._entries[key] = key, (block, self._last_name)
        return self._last_name

    def release(self, blocks: Sequence[int]) -> None:
        """Count one user less for each of `blocks`; without users a named block waits to be shared, any other is free."""
        for block in reversed(blocks):  # what follows is forgotten before what it follows
            self._users[block] -= 1
            if self._users[block]:
                continue
            if block in self._keys:
                self._idle[block] = None
            else:
                heapq.heappush(self._free, block)

    def forget(self, blocks: Sequence[int]) -> None:
        """Take back the names of `blocks`, which are in use: `find` does not give them any more."""
        for block in blocks:
            key = self._keys.pop(block, None)
            if key is not None:
                del self._entries[key]


@dataclass(eq=False)
class PagedText:
    """A text whose keys and values lie in the blocks of a pool.

    Attributes:
        tokens: all of it. cached: how many of them the cache holds. blocks: where. names: what each of the full blocks is
            known by, as far as they have names.
    """

    tokens: list[int]
    cached: int = field(default=0, kw_only=True)
    blocks: list[int] = field(default_factory=list, kw_only=True)
    names: list[int] = field(default_factory=list, kw_only=True)

    @property
    def remaining(self) -> int:
        """Tokens that the model has not seen."""
        return len(self.tokens) - self.cached

    @property
    def last_name(self) -> int:
        """What the full blocks so far are known by."""
        return self.names[-1] if self.names else START

    def reuse(self, pool: BlockPool) -> int:
        """Take blocks that hold the next tokens already; returns how many. The last token has to be computed anyway."""
        page, before = pool.page_size, self.cached
        while self.cached == len(self.names) * page and self.remaining > page:
            block = pool.find(self.last_name, self.tokens[self.cached : self.cached + page])
            if block is None:
                break
            index = len(self.names)
            pool.share(block[0])
            pool.release(self.blocks[index : index + 1])
            self.blocks[index : index + 1] = block[:1]
            self.names.append(block[1])
            self.cached += page
        return self.cached - before

    def name_full_blocks(self, pool: BlockPool) -> None:
        """Let others share the blocks that are full by now."""
        page = pool.page_size
        while (len(self.names) + 1) * page <= self.cached:
            index = len(self.names)
            tokens = self.tokens[index * page : (index + 1) * page]
            self.names.append(pool.name(self.blocks[index], self.last_name, tokens))

    def give_back(self, pool: BlockPool) -> None:
        """Leave all blocks; the cache holds nothing of the text any more."""
        pool.release(self.blocks)
        self.blocks, self.names, self.cached = [], [], 0


class PagedLayers:
    """The keys and values in the blocks, for each layer: (N, G, K, P) and (N, G, P, K), N blocks of P tokens.

    Keys lie with the head's dimensions first, the order in which a product with a query reads them fastest.
    """

    def __init__(self, blocks: int, page_size: int) -> None:
        self.blocks, self.page_size = blocks, page_size
        self._layers: list[tuple[Tensor, Tensor]] = []
        self._block = self._slot = torch.empty(0, dtype=torch.int64)
        self._ready = 0  # blocks before this one hold numbers

    def place(self, block: Tensor, slot: Tensor, end: int) -> None:
        """Set where the tokens of the next pass go: the block and the slot in it, (T,) each. Blocks from `end` on are unused.

        Memory of unused blocks is not touched, so that the operating system need not provide it.
        """
        self._block, self._slot = block, slot
        for _, values in self._layers:
            values[self._ready : end].zero_()
        self._ready = max(self._ready, end)

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int) -> tuple[Tensor, Tensor]:
        """Write `keys` and `values` (1, G, T, K) of a layer where `place` said; returns all that the layer holds."""
        while layer_idx >= len(self._layers):
            groups, key_size, value_size = key_states.shape[1], key_states.shape[3], value_states.shape[3]
            try:
                all_keys = key_states.new_empty(self.blocks, groups, key_size, self.page_size)
                all_values = value_states.new_empty(self.blocks, groups, self.page_size, value_size)
            except RuntimeError as error:
                raise CapacityError(
                    f"there is no memory for {self.blocks} blocks of {self.page_size} tokens: set a smaller num_blocks"
                ) from error
            # Zeros, not anything: values that nobody wrote are multiplied by zero, which must give zero.
            all_values[: self._ready].zero_()
            self._layers.append((all_keys, all_values))
        all_keys, all_values = self._layers[layer_idx]
        all_keys[self._block, :, :, self._slot] = key_states[0].transpose(0, 1)
        all_values[self._block, :, self._slot] = value_states[0].transpose(0, 1)
        return all_keys, all_values

    def wipe(self, blocks: Sequence[int]) -> None:
        """Write zeros over the values in `blocks` (a NaN there spoils the sum of values even with weight 0)."""
        if not blocks:
            return
        index = torch.tensor(blocks, dtype=torch.int64, device=self._block.device)
        for _, values in self._layers:
            values.index_fill_(0, index, 0)

"""Who takes part in the next pass, with how many tokens, and in which blocks."""

from collections import deque
from typing import NamedTuple

from ..cache.paged import BlockPool
from .requests import RequestState


class Plan(NamedTuple):
    """decoding: requests that go on by one token. pieces: (request, tokens of its prompt) that are read."""

    decoding: list[RequestState]
    pieces: list[tuple[RequestState, int]]


class Scheduler:
    """First come, first served. Who is being answered goes on in every pass; what room is left is for prompts.

    Where the cache is full, the request that came last gives its blocks back and waits again; what it had is computed anew.

    Args:
        budget: tokens of a pass. rows: requests that are worked on at the same time. sharing: whether blocks are shared.
    """

    def __init__(self, pool: BlockPool, budget: int, rows: int, sharing: bool) -> None:
        self.pool, self.budget, self.rows, self.sharing = pool, budget, rows, sharing
        self.waiting: deque[RequestState] = deque()
        self.running: list[RequestState] = []
        self.reused = self.preempted = 0

    def plan(self) -> Plan:
        """The next pass. Blocks for it are taken."""
        for request in [request for request in self.running if request.remaining == 1]:
            if request in self.running and request.cached == len(request.blocks) * self.pool.page_size:
                self._extend(request)
        decoding = [request for request in self.running if request.remaining == 1]
        pieces: list[tuple[RequestState, int]] = []
        left = self.budget - len(decoding)
        begun: set[tuple[int, tuple[int, ...]]] = set()
        candidates = [request for request in self.running if request.remaining > 1]
        while left > 0:
            taken = candidates.pop(0) if candidates else self._admit()
            if taken is None:
                break
            count = self._piece(taken, left, begun)
            if count:
                pieces.append((taken, count))
                left -= count
        return Plan(decoding, pieces)

    def _admit(self) -> RequestState | None:
        """The next of those who wait, if there is room for all it brings, and some for those who are at it."""
        if not self.waiting or len(self.running) >= self.rows:
            return None
        request = self.waiting[0]
        self._reuse(request)
        needed = -(-len(request.tokens) // self.pool.page_size) - len(request.blocks)
        if needed + min(len(self.running), self.pool.size // 16) > self.pool.available:
            request.give_back(self.pool)
            return None
        self.running.append(self.waiting.popleft())
        request.blocks += [self.pool.take() for _ in range(needed)]
        return request

    def _piece(self, request: RequestState, left: int, begun: set[tuple[int, tuple[int, ...]]]) -> int:
        """How many tokens of `request` are read now; 0 when somebody else is just reading the same."""
        page = self.pool.page_size
        self._reuse(request)
        if self.sharing:
            key = (request.last_name, tuple(request.tokens[request.cached : request.cached + page]))
            if request.cached == len(request.names) * page and len(key[1]) == page:
                if key in begun and request.remaining > page:
                    return 0
                if left >= page:
                    begun.add(key)
        return min(left, request.remaining)

    def _reuse(self, request: RequestState) -> None:
        if self.sharing:
            self.reused += request.reuse(self.pool)

    def _extend(self, request: RequestState) -> None:
        """Give `request` one block more; where there is none, the one who came last waits again."""
        while not self.pool.available:
            last = self.running[-1]
            self.remove(last)
            self.waiting.appendleft(last)
            self.preempted += 1
            if last is request:
                return
        request.blocks.append(self.pool.take())

    def advance(self, request: RequestState, count: int) -> None:
        """The cache holds `count` tokens more of `request`."""
        request.cached += count
        if self.sharing:
            request.name_full_blocks(self.pool)

    def remove(self, request: RequestState) -> None:
        """`request` is not worked on any more; its blocks are free."""
        if request in self.running:
            self.running.remove(request)
        elif request in self.waiting:
            self.waiting.remove(request)
        request.give_back(self.pool)

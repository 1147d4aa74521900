"""The cache of a batch of requests, as a model sees it."""

from ..cache.paged import PagedLayers
from ..core.errors import ArgumentError
from ..nn.masks import Mask, MaskSource
from ..nn.paged import Layout, PagedMask, paged


class PagedCache(PagedLayers, MaskSource):
    """The pool as models see it. `layout` says what the next pass is about."""

    layout: Layout

    def mask(self, queries: int, causal: bool, window: int | None) -> Mask:
        """The mask of the pass that `layout` describes.

        Raises:
            ArgumentError: the model looks ahead.
        """
        if not causal:
            raise ArgumentError("this model looks at what comes after a token; batches of requests are for causal decoders")
        device = self.layout.newest.device
        return PagedMask(queries, 0, device, causal=True, window=window, kernel=paged, layout=self.layout)

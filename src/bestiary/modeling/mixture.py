"""Decoders with mixtures of experts: what their routers gave is recorded by hooks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from ..core.outputs import BaseModelOutputWithPast, MoeModelOutputWithPast
from ..nn.moe import Router
from .decoder import Decoder


class MixtureDecoder(Decoder):
    """A decoder that tells, on demand, the scores of its routers."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_router_logits: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """As `Decoder.forward`.

        Args:
            output_router_logits: also give the scores of each router, (B * T, experts) a layer; None does what the config says.
        """
        if output_router_logits is None:
            output_router_logits = self.config.declared("output_router_logits", False)
        run = partial(
            super().forward,
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )
        if not output_router_logits:
            return run()
        with _routers_recorded(self) as scores:
            output = run()
        return MoeModelOutputWithPast(**dict(output.items()), router_logits=tuple(scores))


@contextmanager
def _routers_recorded(model: nn.Module) -> Iterator[list[Tensor]]:
    """The scores that each router gives while the body runs, on this thread, in order."""
    scores: list[Tensor] = []
    thread = threading.get_ident()

    def note(module: nn.Module, args: Any, output: tuple[Tensor, ...]) -> None:
        if threading.get_ident() == thread:
            scores.append(output[0])

    routers = [module for module in model.modules() if isinstance(module, Router)]
    handles = [router.register_forward_hook(note) for router in routers]
    try:
        yield scores
    finally:
        for handle in handles:
            handle.remove()

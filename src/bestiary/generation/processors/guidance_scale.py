"""Classifier-free guidance with a second run of the model."""

from dataclasses import field
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.logging import warn_once
from ..model import GeneratingModel, has_encoder
from ..options import Option
from ..processor import Context, DeclaredProcessor

OPTIONS = {"guidance_scale": Option(float)}
PLACE = 100
ASKED_BY = ("guidance_scale", "negative_prompt_ids")


class UnbatchedClassifierFreeGuidanceLogitsProcessor(DeclaredProcessor):
    """Moves the log probabilities away from those of an unconditional run: u + guidance_scale (c - u).

    https://arxiv.org/abs/2306.17806. The unconditional run has a cache of its own, so the processor serves one generation.

    Args:
        unconditional_ids: (B, T) the negative prompt; without one, the last token of the prompt.
        unconditional_attention_mask: (B, T), 0 for padding.
        use_cache: keep keys and values of the unconditional run between steps.
    """

    guidance_scale: float
    model: GeneratingModel
    unconditional_ids: Tensor | None = None
    unconditional_attention_mask: Tensor | None = None
    use_cache: bool = True
    _cache: Any = field(default=None, init=False)
    _started: bool = field(default=False, init=False)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.log_softmax(-1)
        if self.guidance_scale == 1:
            return scores
        unconditional = self._unconditional(input_ids[:, -1:]).to(scores.dtype).log_softmax(-1)
        return unconditional + self.guidance_scale * (scores - unconditional)

    def _unconditional(self, newest: Tensor) -> Tensor:
        """Logits (B, V) of the unconditional run after `newest` (B, 1)."""
        ids = newest if self.unconditional_ids is None else self.unconditional_ids
        mask = torch.ones_like(ids) if self.unconditional_attention_mask is None else self.unconditional_attention_mask
        if len(ids) != len(newest):  # several rows for each prompt
            ids, mask = (value.repeat_interleave(len(newest) // len(ids), dim=0) for value in (ids, mask))
        if self._started:
            ids, mask = torch.cat([ids, newest], dim=1), torch.cat([mask, torch.ones_like(newest)], dim=1)
        self._started, self.unconditional_ids, self.unconditional_attention_mask = True, ids, mask
        new = ids if self._cache is None else newest
        out = self.model(input_ids=new, attention_mask=mask, past_key_values=self._cache, use_cache=self.use_cache)
        self._cache = out.past_key_values if self.use_cache else None
        logits: Tensor = out.logits[:, -1]
        return logits

    def reorder(self, parents: Tensor) -> None:
        if self.unconditional_ids is not None and self.unconditional_attention_mask is not None:
            self.unconditional_ids = self.unconditional_ids[parents]
            self.unconditional_attention_mask = self.unconditional_attention_mask[parents]
        if self._cache is not None:
            self._cache.reorder_cache(parents)


def build(context: Context) -> DeclaredProcessor | None:
    scale = context.config.guidance_scale
    if scale is None or scale == 1:
        if context.negative_prompt_ids is not None:
            warn_once(
                "no-guidance", f"negative_prompt_ids steers nothing with guidance_scale={scale}; set guidance_scale above 1"
            )
        return None
    if has_encoder(context.model):
        raise ConfigError(f"guidance_scale={scale} is for decoders; {type(context.model).__name__} has an encoder")
    return UnbatchedClassifierFreeGuidanceLogitsProcessor(
        scale,
        context.model,
        context.negative_prompt_ids,
        context.negative_prompt_attention_mask,
        bool(context.config.use_cache),
    )

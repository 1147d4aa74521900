"""Cached, chunked and uncached forward agree, for every class that generates, and so do recomputed gradients."""

from typing import Any

import pytest
import torch
from kit.families import Pair, close, each, encoder_inputs, generating_heads, kernel_of

from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.cache.kinds.static import StaticCache

GENERATE = generating_heads()


def decoder_inputs(models: Pair) -> tuple[dict[str, Any], str, torch.Tensor, str, torch.Tensor]:
    """Inputs that stay whole, and the ids and mask that are cut into chunks, with their names."""
    inputs = dict(models.inputs)
    prefix = "decoder_" if "decoder_input_ids" in inputs else ""
    ids = inputs.pop(f"{prefix}input_ids")
    mask = inputs.pop(f"{prefix}attention_mask", torch.ones_like(ids))
    if prefix:
        inputs["encoder_outputs"] = models.ours.get_encoder()(**encoder_inputs(models))
        inputs = {name: value for name, value in inputs.items() if name in ("encoder_outputs", "attention_mask")}
    return inputs, f"{prefix}input_ids", ids, f"{prefix}attention_mask", mask


# Every kernel, every kind that stays on the device, many tokens and one: test_generation.py tries the others.
CUTS = [
    ("sdpa", (5, 2), "dynamic"),
    ("sdpa", (3, 3, 1), "static"),
    ("eager", (3, 1, 3), "dynamic"),
    ("flex_attention", (5, 2), "static"),
]


@each(GENERATE)
@torch.no_grad()
def test_chunks_with_a_cache_equal_one_pass(models: Pair) -> None:
    inputs, ids_name, ids, mask_name, mask = decoder_inputs(models)
    ids, mask = ids[:, :7], mask[:, :7]
    whole = models.ours(**inputs, **{ids_name: ids, mask_name: mask}, use_cache=False)
    assert whole.past_key_values is None
    assert models.ours(**inputs, **{ids_name: ids, mask_name: mask}, use_cache=True).past_key_values is not None
    for kernel, sizes, kind in CUTS:
        if kernel not in models.ours.kernels:
            continue
        cache: Any = DynamicCache() if kind == "dynamic" else StaticCache(models.ours.config, 12)
        logits, start = [], 0
        with kernel_of(models.ours, kernel):
            for size in sizes:
                part = {ids_name: ids[:, start : start + size], mask_name: mask[:, : start + size]}
                output = models.ours(**inputs, **part, past_key_values=cache, use_cache=True)
                cache, start = output.past_key_values, start + size
                logits.append(output.logits)
        assert cache.get_seq_length() == 7
        real = mask.bool()
        close(torch.cat(logits, dim=1)[real], whole.logits[real], f"logits of {sizes} with {kernel} and a {kind} cache")


@each(GENERATE)
@torch.no_grad()
def test_only_the_wanted_logits(models: Pair) -> None:
    if "decoder_input_ids" in models.inputs:
        pytest.skip("an encoder-decoder gives logits of its short decoder input")
    whole = models.plain.logits
    close(models.ours(**models.inputs, logits_to_keep=2).logits, whole[:, -2:])
    close(models.ours(**models.inputs, logits_to_keep=torch.tensor([0, 3])).logits, whole[:, [0, 3]])


@each(GENERATE)
def test_recomputation_gives_the_same_gradients(models: Pair) -> None:
    gradients = []
    rates = {part: part.p for part in models.ours.modules() if isinstance(part, torch.nn.Dropout)}
    for recompute in (False, True):
        if recompute:
            models.ours.gradient_checkpointing_enable()
        assert models.ours.is_gradient_checkpointing is recompute
        models.ours.train()
        for part in rates:
            part.p = 0.0
        try:
            torch.manual_seed(0)
            models.ours(**models.inputs, **models.labels).loss.backward()
            gradients.append({n: p.grad.clone() for n, p in models.ours.named_parameters() if p.grad is not None})
        finally:
            for part, rate in rates.items():
                part.p = rate
            models.ours.gradient_checkpointing_disable()
            models.ours.zero_grad(set_to_none=True)
            models.ours.eval()
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        close(gradients[1][key], gradient, key)

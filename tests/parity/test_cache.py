"""Cached, chunked and uncached forward agree, for every class that generates and every cache that may serve it."""

from typing import Any

import pytest
import torch
from kit.families import Pair, close, each, generating_heads, kernel_of

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
        inputs["encoder_outputs"] = models.ours.get_encoder()(
            **{name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}
        )
        inputs = {name: value for name, value in inputs.items() if name in ("encoder_outputs", "attention_mask")}
    return inputs, f"{prefix}input_ids", ids, f"{prefix}attention_mask", mask


# Kernels read the same keys however these came into the cache, and in whatever kind of cache they lie.
CUTS = [
    ("sdpa", [1] * 7, "dynamic"),
    ("sdpa", [1] * 7, "static"),
    ("sdpa", [5, 2], "dynamic"),
    ("sdpa", [5, 2], "static"),
    ("eager", [3, 1, 3], "dynamic"),
    ("flex_attention", [3, 1, 3], "static"),
]


@pytest.mark.parametrize(("kernel", "sizes", "kind"), CUTS, ids=str)
@each(GENERATE)
@torch.no_grad()
def test_chunks_with_a_cache_equal_one_pass(models: Pair, kernel: str, sizes: list[int], kind: str) -> None:
    if kernel not in models.ours.kernels:
        pytest.skip(f"{models.name} has no {kernel}")
    inputs, ids_name, ids, mask_name, mask = decoder_inputs(models)
    ids, mask = ids[:, :7], mask[:, :7]
    with kernel_of(models.ours, kernel):
        whole = models.ours(**inputs, **{ids_name: ids, mask_name: mask}, use_cache=False).logits
        cache: Any = DynamicCache() if kind == "dynamic" else StaticCache(models.ours.config, 12)
        logits, start = [], 0
        for size in sizes:
            part = {ids_name: ids[:, start : start + size], mask_name: mask[:, : start + size]}
            output = models.ours(**inputs, **part, past_key_values=cache, use_cache=True)
            cache, start = output.past_key_values, start + size
            logits.append(output.logits)
        assert cache.get_seq_length() == 7
    real = mask.bool()
    close(torch.cat(logits, dim=1)[real], whole[real], "logits")


# Kinds that stand for any model, and the options that make their tokens exact here.
KINDS: dict[str, dict[str, Any]] = {
    "dynamic": {},
    "dynamic_full": {},
    "hybrid": {},
    "offloaded": {},
    "offloaded_hybrid": {},
    "offloaded_static": {},
    "quantized": {"residual_length": 64},
    "sink": {"window_length": 64},
    "static": {},
}


@each(GENERATE)
@torch.no_grad()
def test_chunks_with_any_kind_of_cache_equal_one_pass(models: Pair) -> None:
    inputs, ids_name, ids, mask_name, mask = decoder_inputs(models)
    ids, mask = ids[:, :7], mask[:, :7]
    real = mask.bool()
    whole = models.ours(**inputs, **{ids_name: ids, mask_name: mask}, use_cache=False).logits
    for kind, options in KINDS.items():
        cache, logits, start = models.ours.make_cache(kind, 12, options), [], 0
        for size in (3, 1, 3):
            part = {ids_name: ids[:, start : start + size], mask_name: mask[:, : start + size]}
            logits.append(models.ours(**inputs, **part, past_key_values=cache, use_cache=True).logits)
            start += size
        close(torch.cat(logits, dim=1)[real], whole[real], f"logits with a {kind} cache")


@each(GENERATE)
def test_greedy_tokens_are_the_same_with_any_kind_of_cache(models: Pair) -> None:
    """The prompt goes into each kind of cache in parts of five tokens, and into the two basic kinds also at once."""
    if "decoder_input_ids" in models.inputs:
        prompt = {name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}
    else:
        first = models.inputs["input_ids"][:1]  # the row without padding
        prompt = {"input_ids": torch.cat([first, first.flip(1)])}
    call = {**prompt, "max_new_tokens": 5, "eos_token_id": None}
    expected = models.ours.generate(**call, use_cache=False)
    for kind, chunk in [*((kind, 5) for kind in KINDS), ("dynamic", None), ("static", None)]:
        tokens = models.ours.generate(**call, cache_implementation=kind, cache_config=KINDS[kind], prefill_chunk_size=chunk)
        assert torch.equal(tokens, expected), f"a {kind} cache, {chunk or 'all'} tokens at a time"


@each(GENERATE)
@torch.no_grad()
def test_no_cache_when_not_wanted(models: Pair) -> None:
    assert models.ours(**models.inputs, use_cache=False).past_key_values is None
    assert models.ours(**models.inputs, use_cache=True).past_key_values is not None


@each(GENERATE)
@torch.no_grad()
def test_only_the_wanted_logits(models: Pair) -> None:
    if "decoder_input_ids" in models.inputs:
        pytest.skip("an encoder-decoder gives logits of its short decoder input")
    whole = models.ours(**models.inputs).logits
    close(models.ours(**models.inputs, logits_to_keep=2).logits, whole[:, -2:])
    close(models.ours(**models.inputs, logits_to_keep=torch.tensor([0, 3])).logits, whole[:, [0, 3]])


@each(GENERATE)
def test_recomputation_gives_the_same_gradients(models: Pair) -> None:
    gradients = []
    for recompute in (False, True):
        if recompute:
            models.ours.gradient_checkpointing_enable()
        assert models.ours.is_gradient_checkpointing is recompute
        models.ours.train()
        for module in models.ours.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        try:
            torch.manual_seed(0)
            models.ours(**models.inputs, **models.labels).loss.backward()
            gradients.append({n: p.grad.clone() for n, p in models.ours.named_parameters() if p.grad is not None})
        finally:
            models.ours.gradient_checkpointing_disable()
            models.ours.zero_grad(set_to_none=True)
            models.ours.eval()
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        close(gradients[1][key], gradient, key)

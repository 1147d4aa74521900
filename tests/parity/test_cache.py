"""Cached, chunked and uncached forward agree, for every class that generates and every cache that may serve it."""

from typing import Any

import pytest
import torch
from kit.families import Pair, cases, close, kernel_of, pair

from bestiary.cache.kinds.dynamic import DynamicCache
from bestiary.cache.kinds.static import StaticCache

GENERATE = [(model_type, name) for model_type, case in cases().items() for name, head in case.heads.items() if head.generates]


@pytest.fixture(params=GENERATE, ids=lambda row: row[1])
def models(request: pytest.FixtureRequest) -> Pair:
    return pair(*request.param)


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


@pytest.mark.parametrize("kernel", ["sdpa", "eager", "flex_attention"])
@pytest.mark.parametrize("sizes", [[1] * 7, [3, 1, 3], [5, 2]], ids=str)
@pytest.mark.parametrize("kind", ["dynamic", "static"])
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


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_chunks_with_any_kind_of_cache_equal_one_pass(models: Pair, kind: str) -> None:
    inputs, ids_name, ids, mask_name, mask = decoder_inputs(models)
    ids, mask = ids[:, :7], mask[:, :7]
    whole = models.ours(**inputs, **{ids_name: ids, mask_name: mask}, use_cache=False).logits
    cache, logits, start = models.ours.make_cache(kind, 12, KINDS[kind]), [], 0
    for size in (3, 1, 3):
        part = {ids_name: ids[:, start : start + size], mask_name: mask[:, : start + size]}
        logits.append(models.ours(**inputs, **part, past_key_values=cache, use_cache=True).logits)
        start += size
    real = mask.bool()
    close(torch.cat(logits, dim=1)[real], whole[real], "logits")


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_greedy_tokens_are_the_same_with_any_kind_of_cache(models: Pair, kind: str, chunk: int | None) -> None:
    if "decoder_input_ids" in models.inputs:
        prompt = {name: value for name, value in models.inputs.items() if not name.startswith("decoder_")}
    else:
        first = models.inputs["input_ids"][:1]  # the row without padding
        prompt = {"input_ids": torch.cat([first, first.flip(1)])}
    call = {**prompt, "max_new_tokens": 7, "eos_token_id": None, "return_dict_in_generate": True}
    expected = models.ours.generate(**call, use_cache=False)
    got = models.ours.generate(**call, cache_implementation=kind, cache_config=KINDS[kind], prefill_chunk_size=chunk)
    assert torch.equal(got.sequences, expected.sequences)


@torch.no_grad()
def test_no_cache_when_not_wanted(models: Pair) -> None:
    assert models.ours(**models.inputs, use_cache=False).past_key_values is None
    assert models.ours(**models.inputs, use_cache=True).past_key_values is not None


@torch.no_grad()
def test_only_the_wanted_logits(models: Pair) -> None:
    if "decoder_input_ids" in models.inputs:
        pytest.skip("an encoder-decoder gives logits of its short decoder input")
    whole = models.ours(**models.inputs).logits
    close(models.ours(**models.inputs, logits_to_keep=2).logits, whole[:, -2:])
    close(models.ours(**models.inputs, logits_to_keep=torch.tensor([0, 3])).logits, whole[:, [0, 3]])


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

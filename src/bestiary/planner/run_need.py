"""What running a model takes beside its weights: one call, followed without contents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .example_inputs import example_inputs, prompt_of
from .shape_run import ShapeRun
from .workload import Workload


@dataclass(frozen=True)
class RunNeed:
    """Bytes on the device beside the weights.

    Fields:
        cache_per_token: keys and values of one token of one row. cache: all that the cache allocates by the end of the call,
            states of recurrent layers included.
        logits: the scores over the vocabulary that are in memory at a time. activations: all else at the highest moment.
        workspace: what the matrix kernels of a CPU hold.
        unfilled: bytes of the cache that nothing was written to by then: a CPU gives no memory for them.
    """

    cache_per_token: int
    cache: int
    logits: int
    activations: int
    workspace: int = 0
    unfilled: int = 0

    @property
    def total(self) -> int:
        """The most that is in memory at a time."""
        return self.cache - self.unfilled + self.logits + self.activations + self.workspace


def run_need(model: Any, call: Workload, device: torch.device | str = "cpu", **options: Any) -> RunNeed:
    """What a call takes: `generate` of models that do, a forward of others.

    Args:
        model: without weights (`without_weights`); it is spent.
        options: of `generate`, such as cache_implementation.

    Raises:
        InputError: no inputs can be made for this model, or it takes no row so long.
        Exception: contents decide about what is computed, in a way that cannot be followed.
    """
    inputs = example_inputs(model, call.batch, call.prompt)
    run = ShapeRun(device)
    run.lay_out(model)
    if model.can_generate():
        return _generating(model, run, prompt_of(model, inputs), call, options)
    with run, torch.no_grad():
        outputs = model(**inputs)
    scores = [each for name, each in outputs.items() if "logits" in name and isinstance(each, Tensor)]
    logits = sum(each.untyped_storage().nbytes() for each in scores)
    return RunNeed(0, 0, logits, max(0, run.live.most - logits), run.workspace)


def _generating(model: Any, run: ShapeRun, inputs: Mapping[str, Tensor], call: Workload, options: Mapping[str, Any]) -> RunNeed:
    """The higher of two moments: the prompt is read, and the last token is chosen."""
    on_cpu = run.device.type == "cpu"
    cache, most, slots = _generated(model, run, inputs, {}, min(2, call.new_tokens), options)
    most -= _unfilled(cache) if on_cpu else 0
    size, spare, grows = sum(_sizes(cache)), 0, False
    first = 1 if model.config.is_encoder_decoder else call.prompt
    if call.new_tokens > 2:
        end = first + call.new_tokens - 1  # the last token's keys are not kept
        spare = slots - first if slots else 0
        grows = bool(slots) and slots < end
        while slots and slots < end:
            slots += spare + 1
        # Three, as what read the longer beginning is still held when the second begins.
        longer = max(first, min(slots - spare, end - 2) if slots else end - 2)
        ids = torch.full((call.batch, longer), 5)
        begun = {"decoder_input_ids": ids} if first == 1 else {}
        read = {**inputs, **({"input_ids": ids, "attention_mask": torch.ones_like(ids)} if first > 1 else {})}
        del cache
        cache, step, filled = _generated(model, run, read, begun, 3, options, last_alone=True)
        one = _per_slot(cache)
        size = sum(_sizes(cache)) + one * (slots - filled)
        spare = _unfilled(cache) + one * (slots - filled) - one * (end - longer - 2)
        spare = spare if on_cpu else 0
        most = max(most, step + one * (slots - filled) - spare, size - spare + (max(_sizes(cache), default=0) if grows else 0))
    else:
        spare = _unfilled(cache) if on_cpu else 0
    text = model.config.get_text_config()
    item = next(model.parameters()).element_size()
    logits = call.batch * (text.get("vocab_size") or 0) * (item if item == 4 else item + 4)
    most = max(most, size - spare + logits)
    return RunNeed(_per_token(cache, call.batch), size, logits, most - size + spare - logits, run.workspace, spare)


def _generated(
    model: Any,
    run: ShapeRun,
    inputs: Mapping[str, Any],
    begun: Mapping[str, Any],
    count: int,
    options: Mapping[str, Any],
    last_alone: bool = False,
) -> tuple[Any, int, int]:
    """The cache at the end, the most that was in memory (in the last step alone, if so), and slots of a layer of the cache."""
    run.live.most = run.live.now
    calls: list[int] = []

    def begin(*_: Any) -> None:
        calls.append(1)
        if last_alone and len(calls) == count:
            run.live.most = run.live.now

    hook = model.register_forward_pre_hook(begin)
    try:
        with run, torch.no_grad():
            outputs = model.generate(
                **inputs, **begun, max_new_tokens=count, min_new_tokens=None, do_sample=False, num_beams=1, eos_token_id=None,
                return_dict_in_generate=True, **options,
            )  # fmt: skip
    finally:
        hook.remove()
    cache = outputs.get("past_key_values")
    return cache, run.live.most, _slots(cache)


def _layers(cache: Any) -> list[Any]:
    halves = [
        half for name in ("self_attention_cache", "cross_attention_cache") if (half := getattr(cache, name, None)) is not None
    ]
    return [layer for half in halves or [cache] for layer in getattr(half, "layers", ())]


def _tensors(cache: Any) -> list[Tensor]:
    """Each tensor that a cache holds, once."""
    tensors: dict[int, Tensor] = {}
    for layer in _layers(cache):
        for value in (getattr(layer, "keys", None), getattr(layer, "values", None), *vars(layer).values()):
            several = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
            for each in several:
                if isinstance(each, Tensor) and each.numel():
                    place = each.untyped_storage()._cdata
                    known = tensors.get(place)
                    if known is None or known.numel() > each.numel():  # the part in use, not the whole of the buffer
                        tensors[place] = each
    return list(tensors.values())


def _sizes(cache: Any) -> list[int]:
    return [each.untyped_storage().nbytes() for each in _tensors(cache)]


def _unfilled(cache: Any) -> int:
    return sum(each.untyped_storage().nbytes() - each.nbytes for each in _tensors(cache))


def _growing(cache: Any) -> list[Tensor]:
    """Keys and values of the layers that grow with each token."""
    half = getattr(cache, "self_attention_cache", cache)
    layers = [layer for layer in getattr(half, "layers", ()) if type(layer).__name__ == "DynamicLayer"]
    return [each for layer in layers for each in (layer.keys, layer.values) if isinstance(each, Tensor) and each.numel()]


def _slots(cache: Any) -> int:
    """Slots that a growing layer has room for; 0 where there is none."""
    keys = next(iter(_growing(cache)), None)
    return 0 if keys is None else int(keys.untyped_storage().nbytes() // (keys[:, :, :1].numel() * keys.element_size()))


def _per_slot(cache: Any) -> int:
    """Bytes of a slot of all growing layers."""
    return sum(each[:, :, :1].numel() * each.element_size() for each in _growing(cache))


def _per_token(cache: Any, batch: int) -> int:
    """Keys and values of one token of one row, in all layers that keep them."""
    half = getattr(cache, "self_attention_cache", cache)
    pairs = [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in getattr(half, "layers", ())]
    kept = [each for pair in pairs for each in pair if isinstance(each, Tensor) and each.dim() == 4 and each.shape[2]]
    return sum(each[:, :, :1].numel() * each.element_size() for each in kept) // batch

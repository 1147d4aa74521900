"""Every model computes on the accelerator what it computes on the processor: outputs, gradients, tokens, each kind of cache.

The whole file is skipped where torch sees no accelerator. Numbers are compared with ours on the processor, which the other
files compare with the reference's, to 2e-4: sums are taken in another order.
"""

import copy
from typing import Any

import pytest
import torch
from kit.families import Pair, close, each, every_row, generating_heads, one_each
from kit.prompts import COUNT, greedy, prompt

from bestiary.cache.layer_types import layer_types
from bestiary.nn.attention import Attend

DEVICE = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
if DEVICE is None:
    pytest.skip("torch sees no accelerator", allow_module_level=True)

NEAR = {"rtol": 2e-4, "atol": 2e-4}
KINDS = ("dynamic", "static", "offloaded", "offloaded_static", "hybrid")


def moved(value: Any, device: Any) -> Any:
    """The tensors of a nest of lists, tuples and mappings on another device, detached."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(device)
    if isinstance(value, dict):
        return {name: moved(inner, device) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([moved(inner, device) for inner in value])
    return value


@pytest.fixture(autouse=True)
def whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of an NVIDIA GPU keep three digits of their inputs by default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def there(models: Pair) -> Any:
    """A copy of our model on the accelerator."""
    return copy.deepcopy(models.ours).to(DEVICE)


def compare(output: Any, expected: Any, real: torch.Tensor | None) -> None:
    """Assert that all tensors of an output are near those of another, and lie on the accelerator."""
    for name in expected.keys():
        if name == "past_key_values" or expected[name] is None:
            continue
        if hasattr(expected[name], "keys"):
            compare(output[name], expected[name], real)
            continue
        if isinstance(output[name], torch.Tensor):
            assert output[name].device.type == DEVICE.type, name
        close(moved(output[name], "cpu"), moved(expected[name], "cpu"), name, real, **NEAR)


@each(every_row())
def test_outputs_and_gradients(models: Pair, there: Any) -> None:
    if models.case.draws:
        pytest.skip("the accelerator draws other random numbers")
    inputs = moved({**models.inputs, **models.labels}, DEVICE)
    ours = copy.deepcopy(models.ours)  # a loss notes in the config which problem it was of
    here = ours(**models.inputs, **models.labels)
    output = there(**inputs)
    compare(output, here, models.real)
    if not models.labels:
        return
    here.loss.backward()
    output.loss.backward()
    on_accelerator = dict(there.named_parameters())
    for name, parameter in ours.named_parameters():
        if parameter.grad is not None:
            close(on_accelerator[name].grad.cpu(), parameter.grad, name, **NEAR)


def halved(value: Any) -> Any:
    """The floating-point tensors of a nest in bfloat16."""
    if isinstance(value, torch.Tensor):
        return value.to(torch.bfloat16) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: halved(inner) for name, inner in value.items()}
    return type(value)([halved(inner) for inner in value]) if isinstance(value, list | tuple) else value


def first_numbers(values: tuple[Any, ...]) -> torch.Tensor:
    """The first tensor of floating-point numbers in a nest of tuples, the loss aside."""
    for value in values:
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim():
            return value
        if isinstance(value, tuple):
            return first_numbers(value)
    raise AssertionError("an output without numbers")


@each(every_row())
@torch.no_grad()
def test_half_precision(models: Pair, there: Any) -> None:
    """bfloat16 keeps three digits: the first output moves by less than a tenth on average, measured in its largest number.

    A router that two experts please alike may choose the other, so a single number may move further.
    """
    if models.case.draws:
        pytest.skip("the accelerator draws other random numbers")
    output = there.to(torch.bfloat16)(**halved(moved(models.inputs, DEVICE)))
    value, expected, real = first_numbers(output.to_tuple()).float().cpu(), first_numbers(models.plain.to_tuple()), models.real
    if real is not None and expected.shape[:2] == real.shape:
        value, expected = value[real], expected[real]
    kept = torch.isfinite(expected)
    assert torch.isfinite(value[kept]).all()
    assert (value - expected)[kept].abs().mean() < 0.1 * expected[kept].abs().max().clamp(min=1)


@each(one_each(generating_heads()))
def test_tokens_of_each_cache(models: Pair, there: Any) -> None:
    """Greedy tokens and scores with each kind of cache, and beams, for a batch with padding."""
    settings = {**greedy(models), "disable_compile": True, "return_dict_in_generate": True, "output_scores": True}
    inputs = prompt(models)
    for kind in KINDS:
        options = {**settings, "cache_implementation": kind}
        expected = models.ours.generate(**inputs, **options)
        output = there.generate(**moved(inputs, DEVICE), **options)
        assert torch.equal(output.sequences.cpu(), expected.sequences), kind
        close(moved(output.scores, "cpu"), expected.scores, f"scores with a {kind} cache", **NEAR)
    expected = models.ours.generate(**inputs, **settings, num_beams=3)
    output = there.generate(**moved(inputs, DEVICE), **settings, num_beams=3)
    assert torch.equal(output.sequences.cpu(), expected.sequences)


@each(one_each(generating_heads()))
def test_a_crowd(models: Pair, there: Any) -> None:
    """Requests in a paged cache get the tokens they get on the processor."""
    crosses = any(isinstance(part, Attend) and part.cross for part in models.ours.modules())
    if crosses or layer_types(models.ours.config).keeps_states:
        pytest.skip("it has no paged cache")
    prompts = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [14]]
    expected = models.ours.generate_batch(prompts, max_new_tokens=COUNT)
    results = there.generate_batch(prompts, max_new_tokens=COUNT)
    for result, other in zip(results.values(), expected.values(), strict=True):
        assert result.generated_tokens == other.generated_tokens


@pytest.mark.parametrize("models", [("llama", "LlamaForCausalLM", "")], indirect=True)
def test_compiled_steps(models: Pair, there: Any) -> None:
    """With a cache of fixed size, steps are compiled, and replayed as one graph, without being asked to."""
    ids = torch.tensor([[5, 6, 7, 8]])
    settings: dict[str, Any] = {"max_new_tokens": 20, "do_sample": False}
    expected = models.ours.generate(ids, **settings)
    for _ in range(2):
        assert torch.equal(there.generate(ids.to(DEVICE), **settings, cache_implementation="static").cpu(), expected)

"""Every head of every family gives the reference's numbers: outputs, hidden states, attentions, losses, gradients."""

import pytest
import torch
from kit.families import Pair, close, each, every_head, every_row, kernel_of, one_each

SKIPPED = {"past_key_values", "loss"}
# States and scores far beyond 1 in size differ by more of fp32's rounding, in which processors differ.
TOLERANCE = {"depth_pro": 1e-4, "gemma4_text": 3e-5, "mt5": 3e-5}  # depths of fresh weights reach a hundred


def compare(ours: object, reference: object, real: torch.Tensor | None, recorded: bool = True, tolerance: float = 1e-5) -> None:
    """Assert that all fields of the reference's output are equal; without `recorded`, all but states and attentions."""
    names = [name for name in reference.keys() if name not in SKIPPED and reference[name] != ()]  # type: ignore[attr-defined,index]
    assert names, "the reference returned nothing to compare"
    for name in names:
        if name.endswith(("hidden_states", "attentions")) and not recorded:
            continue
        value, expected = ours[name], reference[name]  # type: ignore[index]
        if hasattr(expected, "keys"):
            compare(value, expected, real, recorded, tolerance)
        else:
            close(value, expected, name, real, atol=tolerance, rtol=1e-5)


@each(every_row())
def test_outputs(models: Pair) -> None:
    """Recording computes attention by the eager formula; the kernel in use is compared here and with the loss below."""
    tolerance = TOLERANCE.get(models.model_type, 1e-5)
    compare(models.recorded, models.reference_output, models.real, tolerance=tolerance)
    if models.labels:
        with torch.no_grad():
            compare(models.plain, models.reference(**models.reference_inputs()), models.real, tolerance=tolerance)
    else:
        compare(models.plain, models.reference_output, models.real, recorded=False, tolerance=tolerance)


def gradient(parameter: torch.Tensor) -> torch.Tensor:
    """The gradient; zeros where the loss does not reach."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


class Located:
    """Weights found by their values, whatever name or shape the reference keeps them in.

    It renames in memory what its files hold, and fuses: two projections in one matrix, all experts of a layer in a tensor of
    three dimensions. Weights are random numbers, so an equal value is the same weight.
    """

    def __init__(self, parameters: list[torch.Tensor]) -> None:
        self.values, order = torch.cat([parameter.detach().flatten() for parameter in parameters]).sort()
        self.gradients = torch.cat([gradient(parameter).flatten() for parameter in parameters])[order]

    def gradient_of(self, parameter: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For the weights (N,) of `parameter`: the reference's gradients, and which of them are known."""
        weights = parameter.detach().flatten()
        first = torch.searchsorted(self.values, weights)
        beyond = torch.searchsorted(self.values, weights, right=True)
        return self.gradients[first.clamp(max=len(self.values) - 1)], beyond - first == 1  # 0: unknown; 2: one of two


@each(every_row())
def test_loss_and_gradients(models: Pair) -> None:
    """Every gradient is the reference's; at most a tenth of the weights may have no counterpart there (computed at load)."""
    if not models.labels:
        pytest.skip("this class computes no loss")
    ours = models.ours(**models.inputs, **models.labels)
    compare(ours, models.reference_output, models.real, recorded=False)
    close(ours.loss, models.reference_output.loss, "loss")
    models.reference_output.loss.backward()
    ours.loss.backward()
    expected = dict(models.reference.named_parameters())
    located = Located(list(expected.values()))
    compared = 0
    trained = [(name, parameter) for name, parameter in models.ours.named_parameters() if parameter.requires_grad]
    for name, parameter in trained:
        if name in expected and expected[name].shape == parameter.shape:
            close(gradient(parameter), gradient(expected[name]), name)
            compared += parameter.numel()
        else:
            gradients, known = located.gradient_of(parameter)
            close(gradient(parameter).flatten()[known], gradients[known], name)
            compared += int(known.sum())
    for model in (models.reference, models.ours):
        model.zero_grad(set_to_none=True)
    count = models.ours.num_parameters(only_trainable=True)
    assert compared >= 0.9 * count >= 0.5 * models.ours.num_parameters(), f"{compared} of {count} weights compared"


@each(one_each(every_head()))
@torch.no_grad()
def test_flex_attention_agrees(models: Pair) -> None:
    """The first head of each family: all kernels get the same from `Attend`, whatever the variant."""
    if "flex_attention" not in models.ours.kernels:
        with pytest.raises(TypeError, match="supports"):
            models.ours.set_attn_implementation("flex_attention")
        return
    plain = models.plain  # computed before the kernel changes
    with kernel_of(models.ours, "flex_attention"):
        assert models.ours.attn_implementation == "flex_attention"
        compare(models.ours(**models.inputs), plain, models.real)


@each(one_each(every_head()))
@torch.no_grad()
def test_tuple_output(models: Pair) -> None:
    plain = models.ours(**models.inputs, return_dict=False)
    assert isinstance(plain, tuple)
    assert len(plain) == len(models.plain)

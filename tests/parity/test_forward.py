"""Every head of every family gives the reference's numbers: outputs, hidden states, attentions, losses, gradients."""

import pytest
import torch
from kit.families import Pair, cases, close, every_head, kernel_of, pair

from bestiary.modeling.families import families

SKIPPED = {"past_key_values", "loss"}


@pytest.fixture(params=every_head(), ids=lambda row: "-".join(filter(None, row[1:])))
def models(request: pytest.FixtureRequest) -> Pair:
    return pair(*request.param)


def compare(ours: object, reference: object, real: torch.Tensor | None) -> None:
    names = [name for name in reference.keys() if name not in SKIPPED and reference[name] != ()]  # type: ignore[attr-defined,index]
    assert names, "the reference returned nothing to compare"
    for name in names:
        value, expected = ours[name], reference[name]  # type: ignore[index]
        if hasattr(expected, "keys"):
            compare(value, expected, real)
        else:
            close(value, expected, name, real)


def test_every_family_has_a_case() -> None:
    assert set(families()) <= set(cases())


@torch.no_grad()
def test_outputs(models: Pair) -> None:
    wanted = {"output_hidden_states": True, "output_attentions": True}
    reference = models.reference(**models.reference_inputs(), **wanted)
    compare(models.ours(**models.inputs, **wanted), reference, models.real)
    compare(models.ours(**models.inputs), models.reference(**models.reference_inputs()), models.real)


def test_loss_and_gradients(models: Pair) -> None:
    if not models.labels:
        pytest.skip("this class computes no loss")
    reference = models.reference(**models.reference_inputs(), **models.labels).loss
    ours = models.ours(**models.inputs, **models.labels).loss
    close(ours, reference, "loss")
    for model, loss in ((models.reference, reference), (models.ours, ours)):
        model.zero_grad()
        loss.backward()
    expected = dict(models.reference.named_parameters())
    compared = 0
    for name, parameter in models.ours.named_parameters():
        # Where the reference renames in memory what its files hold, equal values tell which is which.
        twins = [expected[name]] if name in expected else [x for x in expected.values() if torch.equal(x, parameter)]
        if twins and twins[0].grad is not None:
            close(parameter.grad, twins[0].grad, name)
            compared += 1
    assert compared >= len(expected) // 2
    for model in (models.reference, models.ours):
        model.zero_grad(set_to_none=True)


@pytest.mark.parametrize("kernel", ["eager", "flex_attention"])
@torch.no_grad()
def test_kernels_agree(models: Pair, kernel: str) -> None:
    if kernel not in models.ours.kernels:
        with pytest.raises(TypeError, match="supports"):
            models.ours.set_attn_implementation(kernel)
        return
    expected = models.ours(**models.inputs)
    with kernel_of(models.ours, kernel):
        assert models.ours.attn_implementation == kernel
        compare(models.ours(**models.inputs), expected, models.real)


@torch.no_grad()
def test_tuple_output(models: Pair) -> None:
    named = models.ours(**models.inputs)
    plain = models.ours(**models.inputs, return_dict=False)
    assert isinstance(plain, tuple)
    assert len(plain) == len(named)

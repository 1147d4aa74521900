"""A loss that a user sets on a model is called by `forward` as the published head calls it."""

from typing import Any

import pytest
import torch
from kit.families import Inputs, Pair, close, each, every_head


def call_of(model: Any, inputs: Inputs) -> tuple[Any, Any]:
    """What the model's forward calls a loss of one's own with, None where it does not, and the loss it gives then."""
    calls: list[Any] = []

    def loss(*args: Any, **kwargs: Any) -> Any:
        # Some causal models say these by place, some by name.
        by_place = (
            dict(zip(("logits", "labels", "vocab_size"), args, strict=False)) if kwargs or isinstance(args[-1], int) else {}
        )
        calls.append(by_place | kwargs or list(args))
        return torch.tensor(7.0) if len(args) < 5 else (torch.tensor(7.0), {}, None)

    model.loss_function = loss
    try:
        output = model(**inputs)
    finally:
        del model._loss_function
    return (calls[0], output.loss) if calls else (None, None)


@each(every_head())
@pytest.mark.filterwarnings("ignore:Version v4.12.0:FutureWarning")  # an encoder-decoder tells of a release of years ago
@torch.no_grad()
def test_a_loss_of_ones_own(models: Pair) -> None:
    if not models.labels:
        pytest.skip("no loss")
    theirs, published_loss = call_of(models.reference, models.reference_inputs() | models.labels)
    ours, loss = call_of(models.ours, models.inputs | models.labels)
    assert models.reference.loss_type in (None, models.ours.loss_type)
    if theirs is not None:
        assert ours is not None, "the published forward asks loss_function"
        close(loss, published_loss, "loss")
        assert isinstance(ours, dict) == isinstance(theirs, dict)
        if isinstance(ours, dict):
            assert ours.keys() == theirs.keys()
            ours, theirs = [ours[name] for name in theirs], list(theirs.values())
        close(
            [x for x in ours if isinstance(x, torch.Tensor)],
            [x for x in theirs if isinstance(x, torch.Tensor)],
            "",
            models.real,
        )

"""Decision Transformer refuses episodes that it cannot read."""

from typing import Any

import pytest
import torch
from kit.families import pair

from bestiary.core.errors import InputError


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"states": torch.ones(3, 7, 4)},
            r"states has shape \(3, 7, 4\); .*\(any, any, 5\), the last being state_dim",
        ),
        ({"actions": torch.ones(3, 6, 2)}, r"actions has shape \(3, 6, 2\); expected .*\(3, 7, 2\)"),
        ({"returns_to_go": None}, "returns_to_go is a NoneType"),
        ({"timesteps": torch.full((3, 7), 12)}, "timesteps hold 12; this model knows 12 of them"),
        ({"timesteps": torch.ones(3, 6).long()}, "expected the number of each step"),
        ({"attention_mask": torch.ones(3, 21)}, r"attention_mask has shape \(3, 21\); expected \(3, 7\)"),
    ],
)
def test_what_it_cannot_read_is_named(changes: dict[str, Any], sentence: str) -> None:
    models = pair("decision_transformer", "DecisionTransformerModel")
    with pytest.raises(InputError, match=sentence):
        models.ours(**{**models.inputs, **changes})


def test_rewards_are_taken_and_change_nothing() -> None:
    models = pair("decision_transformer", "DecisionTransformerModel")
    output = models.ours(**models.inputs, rewards=torch.randn(3, 7, 1))
    assert torch.equal(output.action_preds, models.plain.action_preds)

"""The published losses equal the reference's, and one that a user sets is what `forward` computes."""

from typing import Any

import pytest
import torch
from transformers.loss import loss_utils as published

from bestiary import BertConfig, PreTrainedConfig, PreTrainedModel
from bestiary.core.logging import BestiaryWarning
from bestiary.modeling import loss_functions

LOGITS, LABELS = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([[1, 2, -100, 3, 0]] * 2)
CLASSES = LOGITS[:, 0]


def config(**values: Any) -> Any:
    return BertConfig(num_labels=7, **values)


CALLS: dict[str, list[dict[str, Any]]] = {
    "ForCausalLMLoss": [
        {"logits": LOGITS, "labels": LABELS, "vocab_size": 7, **further}
        for further in (
            {},
            {"num_items_in_batch": 3},
            {"labels": LABELS.abs() % 5, "ignore_index": 2},
            {"shift_labels": LABELS, "unknown": 1},
        )
    ],
    "ForMaskedLMLoss": [{"logits": LOGITS, "labels": LABELS, "vocab_size": 7, "num_items_in_batch": torch.tensor(3)}],
    "ForTokenClassification": [{"logits": LOGITS, "labels": LABELS, "config": config()}],
    "ForSequenceClassificationLoss": [
        {"labels": torch.tensor([1, 2]), "pooled_logits": CLASSES, "config": config()},
        {"labels": torch.rand(2, 7), "pooled_logits": CLASSES, "config": config()},
        {"labels": torch.rand(2, 7), "pooled_logits": CLASSES, "config": config(problem_type="regression")},
    ],
    "ForQuestionAnsweringLoss": [
        {"start_logits": LOGITS[..., 0], "end_logits": LOGITS[..., 1], "start_positions": ends, "end_positions": ends + 1}
        for ends in (torch.tensor([1, 9]), torch.tensor([[1], [2]]))
    ],
    "ForSemanticSegmentationLoss": [
        {"logits": LOGITS[:, :, None], "labels": torch.tensor([[[1, 2], [255, 4]]] * 2), **further}
        for further in ({}, {"auxiliary_logits": LOGITS[:, :, None].cos(), "num_items_in_batch": 2})
    ],
    "fixed_cross_entropy": [{"source": CLASSES, "target": torch.tensor([1, 2]), "num_items_in_batch": 3}],
}


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, calls in CALLS.items() for number in range(len(calls))])
def test_losses_are_the_published_ones(name: str, number: int) -> None:
    call = CALLS[name][number]
    ours, theirs = getattr(loss_functions, name)(**call), getattr(published, name)(**call)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_every_loss_of_the_table_is_in_the_published_one() -> None:
    for kind, loss in loss_functions.LOSS_MAPPING.items():
        assert published.LOSS_MAPPING[kind].__name__ == loss.__name__


class Classifier(PreTrainedModel):
    """A model that a user wrote, which asks for its loss as published ones do."""

    config_class = PreTrainedConfig

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.score = torch.nn.Linear(7, 2)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.loss_function(labels=labels, pooled_logits=self.score(x), config=self.config)
        return loss


class OwnForSequenceClassification(Classifier):
    """Named after its task."""


def test_a_users_model_is_named_after_its_task() -> None:
    model = OwnForSequenceClassification(PreTrainedConfig())
    assert (Classifier.loss_type, model.loss_type) == (None, "ForSequenceClassification")
    assert model(CLASSES, torch.tensor([0, 1])).item() > 0
    model.loss_type = "ForMaskedLM"
    assert model.loss_function is loss_functions.ForMaskedLMLoss


def test_an_unknown_type_is_told_and_a_module_may_be_the_loss() -> None:
    model = Classifier(PreTrainedConfig())
    model.loss_type = "ForNothing"
    with pytest.warns(BestiaryWarning, match="loss_type is 'ForNothing'"):
        assert model.loss_function is loss_functions.ForCausalLMLoss
    model.loss_function = loss = torch.nn.MSELoss()
    assert model.loss_function is loss

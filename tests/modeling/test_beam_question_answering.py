"""The span of an answer by beam search equals the reference's head on the same weights."""

from typing import Any

import pytest
import torch
from kit.families import close
from transformers import XLMConfig as ReferenceConfig
from transformers.models.xlm.modeling_xlm import XLMSQuADHead

from bestiary import PreTrainedConfig, PreTrainedModel
from bestiary.core.errors import InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.core.outputs import BaseModelOutput
from bestiary.modeling.heads.beam_question_answering import BeamQuestionAnswering

ROWS, LENGTH, SIZE = 3, 9, 6
MASK = torch.ones(ROWS, LENGTH, dtype=torch.long)
MASK[1, 7:] = MASK[2, 5:] = 0


class TinyConfig(PreTrainedConfig):
    """What the head reads."""

    model_type = "tiny-spans"

    hidden_size: int = SIZE
    layer_norm_eps: float = 1e-12
    start_n_top: int = 3
    end_n_top: int = 2


class TinyModel(PreTrainedModel):
    """Gives the embeddings as states."""

    config_class = TinyConfig
    base_model_prefix = "transformer"

    def forward(self, input_ids: Any = None, attention_mask: Any = None, *, inputs_embeds: Any = None) -> BaseModelOutput:
        return BaseModelOutput(inputs_embeds)


class TinyForQuestionAnswering(BeamQuestionAnswering, TinyModel):
    """The parts are the model's own."""

    backbone_class = TinyModel


class TinyWithHead(BeamQuestionAnswering, TinyModel):
    """The parts are in a module."""

    backbone_class, head_name = TinyModel, "qa_outputs"


@pytest.fixture
def heads() -> tuple[TinyForQuestionAnswering, XLMSQuADHead, torch.Tensor]:
    torch.manual_seed(0)
    reference = XLMSQuADHead(ReferenceConfig(emb_dim=SIZE, start_n_top=3, end_n_top=2))
    model = TinyForQuestionAnswering(TinyConfig())
    model.load_state_dict(reference.state_dict())
    return model, reference, torch.randn(ROWS, LENGTH, SIZE)


@torch.no_grad()
def test_search(heads: Any) -> None:
    model, reference, states = heads
    p_mask = torch.zeros(ROWS, LENGTH)
    p_mask[:, 0] = 1
    for places in (None, torch.tensor([0, 2, 1])):
        ours = model(inputs_embeds=states, cls_index=places, p_mask=p_mask)
        expected = reference(states, cls_index=places, p_mask=p_mask, return_dict=True)
        assert ours.keys() == list(expected)
        close(ours.to_tuple(), expected.to_tuple(), "search")


@torch.no_grad()
def test_loss(heads: Any) -> None:
    model, reference, states = heads
    answer = {"start_positions": torch.tensor([1, 2, 3]), "end_positions": torch.tensor([2, 2, 8])}
    more = {"cls_index": torch.tensor([0, 2, 1]), "is_impossible": torch.tensor([0.0, 1.0, 0.0])}
    for labels in (answer, answer | more):
        ours = model(inputs_embeds=states, **labels)
        assert ours.keys() == ["loss"]
        close(ours.loss, reference(states, **labels, return_dict=True).loss, "loss")
    column = {name: value[:, None] for name, value in (answer | more).items()}
    close(model(inputs_embeds=states, **column).loss, ours.loss, "a column of labels")
    unsure = model(inputs_embeds=states, **answer, is_impossible=more["is_impossible"])
    close(unsure.loss, model(inputs_embeds=states, **answer).loss, "without cls_index there is nothing to judge by")


@torch.no_grad()
def test_padding_is_no_answer_and_changes_no_row(heads: Any) -> None:
    model, _, states = heads
    together = model(None, MASK, inputs_embeds=states)
    for row in range(ROWS):
        alone = model(inputs_embeds=states[row : row + 1, : MASK[row].sum()])
        for name, value in alone.items():
            close(together[name][row : row + 1], value, name)


def test_the_parts_may_be_in_a_module() -> None:
    names = {name.removeprefix("qa_outputs.") for name, _ in TinyWithHead(TinyConfig()).named_parameters()}
    assert names == {name for name, _ in TinyForQuestionAnswering(TinyConfig()).named_parameters()}


def test_what_is_wrong_is_said(heads: Any) -> None:
    model, _, states = heads
    with pytest.raises(InputError, match="a text of 2 tokens has no 3 places"):
        model(inputs_embeds=states[:, :2])
    with pytest.raises(InputError, match="p_mask is of torch.float32 and shape"):
        model(inputs_embeds=states, p_mask=torch.ones(ROWS, 2))
    with pytest.raises(InputError, match="end_positions goes from 9"):
        model(inputs_embeds=states, start_positions=torch.zeros(3).long(), end_positions=torch.full((3,), 9))
    with pytest.raises(InputError, match="cls_index"):
        model(inputs_embeds=states, cls_index=torch.zeros(2).long())
    with pytest.warns(BestiaryWarning, match="without end_positions"):
        assert model(inputs_embeds=states, start_positions=torch.zeros(3).long()).loss is None

"""Heads on a tiny family that has what real ones have here and there: odd names, buffers, layers that give tuples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bestiary import PreTrainedConfig, PreTrainedModel
from bestiary.core.logging import BestiaryWarning
from bestiary.core.outputs import BaseModelOutput, MultipleChoiceModelOutput, QuestionAnsweringModelOutput
from bestiary.modeling.heads.masked_lm import MaskedLM
from bestiary.modeling.heads.multiple_choice import MultipleChoice
from bestiary.modeling.heads.question_answering import QuestionAnswering
from bestiary.modeling.heads.sequence_classification import FirstTokenClassifier, VectorClassifier
from bestiary.modeling.heads.token_classification import TokenClassifier
from bestiary.modeling.recording import Stack
from bestiary.nn.init import constant
from bestiary.nn.layer import Layer

SIZE, VOCAB = 4, 11
IDS, MASK = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


class TinyConfig(PreTrainedConfig):
    """Nothing that a head does not ask for."""

    model_type = "tiny-heads"

    hidden_size: int = SIZE
    vocab_size: int = VOCAB
    pad_token_id: int | None = 0


class TinyPreTrainedModel(PreTrainedModel):
    """The published name of the model without its head is `backbone`."""

    config_class = TinyConfig
    base_model_prefix = "backbone"
    stacks = {"": Stack("layers")}


class TinyLayer(Layer):
    """Gives its state and the mean of it, in a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(SIZE, SIZE)

    def forward(self, x: Tensor, mask: Any = None, cache: Any = None) -> tuple[Tensor, Tensor]:
        x = torch.tanh(self.dense(x))
        return x, x.mean()


@dataclass
class TinyOutput(BaseModelOutput):
    """The backbone's output, with a field of its own."""

    pooler_output: Tensor | None = None
    means: tuple[Tensor, ...] | None = None


class TinyModel(TinyPreTrainedModel):
    """Two layers, and a scale that files hold although it is not trained."""

    starts = {"scale": constant(2.0)}

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config)
        self.words = nn.Embedding(VOCAB, SIZE)
        self.layers = nn.ModuleList(TinyLayer() for _ in range(2))
        self.register_buffer("scale", torch.ones(()))

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> TinyOutput:
        x, means = self.words(input_ids) * self.scale, []
        for layer in self.layers:
            x, mean = layer(x)
            means.append(mean)
        return TinyOutput(x, pooler_output=x[:, 0], means=tuple(means))


@dataclass
class AnswerWithMeans(QuestionAnsweringModelOutput):
    """An answer, and the backbone's own field."""

    means: tuple[Tensor, ...] | None = None


@dataclass
class ChoiceWithMeans(MultipleChoiceModelOutput):
    """A choice, and the backbone's own field."""

    means: tuple[Tensor, ...] | None = None


class TinyHead(TinyPreTrainedModel):
    """What all heads of the family share."""

    backbone_class = TinyModel


class TinyForMaskedLM(MaskedLM, TinyHead):
    """Fills in tokens."""


class TinyForQuestionAnswering(QuestionAnswering, TinyHead):
    """Marks an answer."""

    output_class = AnswerWithMeans


class TinyForMultipleChoice(MultipleChoice, TinyHead):
    """Chooses."""

    output_class = ChoiceWithMeans


class TinyForSequenceClassification(FirstTokenClassifier, TinyHead):
    """Classifies by the first real token."""


class TinyForMeanClassification(VectorClassifier, TinyHead):
    """Classifies by the mean over real tokens."""

    def logits(self, output: Any, real: Tensor | None) -> Tensor:
        states = output.last_hidden_state
        return states.mean(1) if real is None else (states * real[..., None]).sum(1) / real.sum(1, keepdim=True)


class TinyForTokenClassification(TokenClassifier, TinyHead):
    """Labels tokens by a layer of another name."""

    head_name = "score"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_a_family_may_call_its_backbone_backbone(tmp_path: Path) -> None:
    model = TinyForMaskedLM(TinyConfig())
    assert "backbone.layers.0.dense.weight" in dict(model.named_parameters())
    assert model.base_model is model.backbone
    model.save_pretrained(tmp_path)
    alone = TinyModel.from_pretrained(tmp_path)
    assert torch.equal(alone(IDS, MASK).last_hidden_state, model.backbone(IDS, MASK).last_hidden_state)


def test_layers_that_give_tuples_are_recorded() -> None:
    model = TinyModel(TinyConfig())
    output = model(IDS, MASK, output_hidden_states=True)
    assert [state.shape for state in output.hidden_states] == [(2, 4, SIZE)] * 3
    assert torch.equal(output.hidden_states[0], model.words(IDS) * model.scale)
    assert torch.equal(output.hidden_states[1], model.layers[0](output.hidden_states[0])[0])
    assert torch.equal(output.hidden_states[2], output.last_hidden_state)


def test_layers_that_give_tuples_are_computed_again_in_training() -> None:
    model = TinyForMaskedLM(TinyConfig()).train()
    gradients = []
    for switch in (model.gradient_checkpointing_disable, model.gradient_checkpointing_enable):
        switch()
        model.zero_grad()
        model(IDS, MASK, labels=IDS).loss.backward()
        gradients.append(model.backbone.layers[0].dense.weight.grad.clone())
    assert torch.equal(*gradients)


def test_stored_buffers_are_saved_and_opened(tmp_path: Path) -> None:
    model = TinyModel(TinyConfig())
    assert model.scale == 2
    model.scale.fill_(5.0)
    model.save_pretrained(tmp_path)
    with pytest.warns(BestiaryWarning, match=r"new, to be trained: lm_head\.weight"):
        assert TinyForMaskedLM.from_pretrained(tmp_path).backbone.scale == 5
    state = {name: value for name, value in model.state_dict().items() if name != "scale"}
    with pytest.warns(BestiaryWarning, match="scale"):
        again = TinyModel.from_pretrained(None, config=TinyConfig(), state_dict=state, allow_missing=["scale"])
    assert again.scale == 2


def test_an_output_class_of_the_family_has_what_its_backbone_gives() -> None:
    answer = TinyForQuestionAnswering(TinyConfig())(IDS, MASK, output_hidden_states=True)
    assert isinstance(answer, AnswerWithMeans)
    choice = TinyForMultipleChoice(TinyConfig())(IDS[None], MASK[None])
    assert isinstance(choice, ChoiceWithMeans)
    assert len(answer.means) == len(choice.means) == 2
    assert len(answer.hidden_states) == 3
    assert "means" not in TinyForTokenClassification(TinyConfig())(IDS, MASK)


@torch.no_grad()
@pytest.mark.parametrize("kind", [TinyForSequenceClassification, TinyForMeanClassification])
def test_logits_see_which_tokens_are_real(kind: Any) -> None:
    model = kind(TinyConfig()).eval()
    right = model(IDS, MASK).logits
    left = model(torch.stack([IDS[0], IDS[1].roll(2)]), torch.stack([MASK[0], MASK[1].roll(2)])).logits
    torch.testing.assert_close(left, right)
    torch.testing.assert_close(model(IDS[1:, :2], MASK[1:, :2]).logits, right[1:])
    torch.testing.assert_close(model(IDS[1:, :2]).logits, right[1:])


def test_a_head_under_another_name() -> None:
    model = TinyForTokenClassification(TinyConfig(num_labels=3))
    assert model.score.out_features == 3
    assert model(IDS, MASK).logits.shape == (2, 4, 3)

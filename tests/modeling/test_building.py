"""When a model is finished, what its weights start with, and that a part needs not to know that it is one."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import cases, our_class, pair, spread
from torch import Tensor, nn

import bestiary
from bestiary import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    T5ForConditionalGeneration,
)
from bestiary.core.outputs import BaseModelOutput
from bestiary.loading.skeleton import skeleton
from bestiary.modeling.building import initialising, without_initialisation
from bestiary.nn.init import Starting, constant, normal
from bestiary.nn.norm import RMSNorm

TINY: dict[str, Any] = {"vocab_size": 99, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
TINY |= {"intermediate_size": 8, "max_position_embeddings": 16}


def test_an_opening_inside_of_an_opening_leaves_the_outer_one_as_it_was() -> None:
    with without_initialisation():
        with without_initialisation():
            assert not initialising()
        assert not initialising()
        with skeleton():
            outer = BertModel(BertConfig(**TINY))
    assert initialising()
    assert all(parameter.is_meta for parameter in outer.parameters())


def test_an_opening_that_fails_lets_the_next_model_start() -> None:
    with pytest.raises(RuntimeError, match="broken"), without_initialisation():
        raise RuntimeError("broken")
    assert initialising()


def test_a_model_that_failed_while_it_was_built_leaves_the_next_one_whole() -> None:
    class Broken(PreTrainedModel):
        def __init__(self, config: PreTrainedConfig) -> None:
            super().__init__(config)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Broken(PreTrainedConfig())
    assert BertModel(BertConfig(**TINY)).embeddings.word_embeddings.weight[1:].std().item() == pytest.approx(0.02, rel=0.2)


@torch.no_grad()
def test_a_ready_backbone_that_gives_tuples_works_in_a_head() -> None:
    torch.manual_seed(0)
    ids, mask = torch.randint(5, 99, (2, 5)), torch.ones(2, 5, dtype=torch.long)
    head = BertForSequenceClassification(BertConfig(**TINY)).eval()
    expected = head(ids, mask).logits
    backbone = BertModel(BertConfig(**TINY, return_dict=False)).eval()
    backbone.load_state_dict(head.bert.state_dict())
    assert isinstance(backbone(ids, mask), tuple)
    head.bert = backbone
    torch.testing.assert_close(head(ids, mask).logits, expected)
    torch.testing.assert_close(head(ids, mask, return_dict=False)[0], expected)
    assert isinstance(backbone(ids, mask), tuple)


@pytest.mark.parametrize("kind", [LlamaForCausalLM, T5ForConditionalGeneration])
def test_a_model_that_gives_tuples_generates(kind: Any) -> None:
    sizes = {"num_layers": 1, "d_ff": 8, "d_kv": 4, "decoder_start_token_id": 0} if kind is T5ForConditionalGeneration else {}
    torch.manual_seed(0)
    model = kind(kind.config_class(vocab_size=99, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, **sizes)).eval()
    ids = torch.tensor([[5, 9, 1]])
    expected = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=3)
    model.config.return_dict = False
    assert torch.equal(model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=3), expected)


class Table(Starting):
    """Parameters of which each starts in a way of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.empty(500))
        self.dense = nn.Linear(40, 40)
        self.register_buffer("stored", torch.empty(3))
        self.starts = {"free": normal(3.0), "dense.weight": normal(0.5), "stored": constant(4.0)}


class LateNorm(RMSNorm):
    """A norm whose weight starts at 0."""

    start = 0.0


class Started(PreTrainedModel):
    """One module of each kind."""

    kind_starts = {nn.Conv1d: lambda conv, config: nn.init.constant_(conv.weight, config.get("initializer_range"))}

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.table, self.norm, self.late = Table(), RMSNorm(4), LateNorm(4)
        self.plain, self.words, self.conv = nn.Linear(40, 40), nn.Embedding(40, 40, padding_idx=2), nn.Conv1d(2, 2, 1)
        self.groups = nn.GroupNorm(2, 4)
        self.starts = {"table.dense.weight": constant(7.0)}

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_weights_start_as_their_module_and_their_family_say() -> None:
    torch.manual_seed(0)
    model = Started(PreTrainedConfig(initializer_range=0.25))
    assert model.table.free.std().item() == pytest.approx(3.0, rel=0.1)
    assert (model.table.dense.weight == 7).all()  # the outer module's word counts
    assert not model.table.dense.bias.any()
    assert model.table.get_buffer("stored").tolist() == [4, 4, 4]
    assert (model.norm.weight == 1).all()
    assert not model.late.weight.any()
    assert model.plain.weight.std().item() == pytest.approx(0.25, rel=0.1)
    assert not model.words.weight[2].any()
    assert model.words.weight.std().item() == pytest.approx(0.25, rel=0.1)
    assert (model.conv.weight == 0.25).all()
    assert (model.groups.weight == 1).all()


def test_one_parameter_starts_again_without_the_others() -> None:
    model = Started(PreTrainedConfig(initializer_range=0.25))
    nn.init.constant_(model.table.free, 9.0)
    nn.init.constant_(model.table.dense.weight, 9.0)
    model.init_weights({"table.dense.weight"})
    assert (model.table.free == 9).all()
    assert (model.table.dense.weight == 7).all()


# Family and parameter -> why it starts otherwise than in the reference.
STARTS_OTHERWISE = {
    ("vit_mae", "embeddings.position_embeddings"): "zeros there, which training does not change; sines and cosines are meant",
}


@pytest.mark.parametrize("model_type", list(cases()))
def test_every_family_starts_as_in_the_reference(model_type: str, tmp_path: Path) -> None:
    case = cases()[model_type]
    name, head = next(iter(case.heads.items()))
    values = {**case.config, **head.config}
    reference = getattr(transformers, name)(getattr(transformers, head.config_class or case.config_class)(**values))
    reference.save_pretrained(tmp_path)
    ours = our_class(model_type, name)
    published = ours.from_pretrained(tmp_path).state_dict()  # the reference's starting values under our names
    torch.manual_seed(0)
    state = ours(ours.config_class(**values)).state_dict()
    for key, tensor in published.items():
        if not tensor.is_floating_point():
            continue
        expected, count = tensor.float(), tensor.numel()
        deviation, spread = expected.std(correction=0).item(), state[key].std(correction=0).item()
        if count < 16 or (model_type, key) in STARTS_OTHERWISE:  # the spread of few says little
            continue
        assert spread == pytest.approx(deviation, rel=10 / math.sqrt(2 * count), abs=1e-6), key  # ten standard errors
        assert (state[key].mean() - expected.mean()).abs() <= 10 * deviation / math.sqrt(count) + 1e-6, key


class OpensWithinConfig(PreTrainedConfig):
    model_type = "opens_within"

    def __init__(self, path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path


class OpensWithin(PreTrainedModel):
    """A model of one's own that opens a checkpoint for one of its parts while it is built."""

    config_class = OpensWithinConfig

    def __init__(self, config: OpensWithinConfig) -> None:
        super().__init__(config)
        self.before = torch.nn.Linear(4, 4)
        self.part = bestiary.AutoModel.from_pretrained(config.path)
        self.after = torch.nn.Linear(4, 4)


@pytest.mark.parametrize("name", [("bert", "BertModel"), ("clip", "CLIPModel"), ("llama", "LlamaModel")])
def test_a_part_opened_while_a_model_is_built_keeps_its_weights(name: tuple[str, str], tmp_path: Path) -> None:
    folder = pair(*name).folder
    alone = bestiary.AutoModel.from_pretrained(folder).state_dict()
    model = OpensWithin(OpensWithinConfig(str(folder)))
    for key, tensor in model.part.state_dict().items():
        assert torch.equal(tensor, alone[key]), key
    for linear in (model.before, model.after):
        assert 0 < float(linear.weight.detach().std()) < 0.1
        assert not linear.bias.any()
    assert model.part.attn_implementation == model.part.kernels[0]
    spread(model)
    model.save_pretrained(tmp_path)
    again = OpensWithin.from_pretrained(tmp_path)
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[key]), key
    fresh = bestiary.LlamaModel(bestiary.LlamaConfig(vocab_size=9, hidden_size=8, num_attention_heads=2, num_hidden_layers=1))
    assert float(fresh.embed_tokens.weight.detach().std()) > 0, "building initialises again after all that"


def test_a_ready_backbone_that_gives_tuples_serves_a_head() -> None:
    models = pair("bert", "BertForSequenceClassification")
    model = copy.deepcopy(models.ours)
    model.bert = bestiary.BertModel.from_pretrained(pair("bert", "BertModel").folder, return_dict=False)
    assert isinstance(model.bert(torch.tensor([[5, 6]])), tuple)
    assert model(**models.inputs).logits.shape == (3, 3)


class Turning(torch.nn.Module):
    """A part with a buffer that no file holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("angles", torch.arange(4) / 4, persistent=False)
        self.weight = torch.nn.Parameter(torch.ones(4))


class WrittenFromNothing(PreTrainedModel):
    """A model as people publish it: buffers of its own, recomputation and hidden states by its own code."""

    config_class = OpensWithinConfig
    supports_gradient_checkpointing = True

    def __init__(self, config: OpensWithinConfig) -> None:
        super().__init__(config)
        self.turning = Turning()
        self.linear = torch.nn.Linear(4, 4)
        self.gradient_checkpointing = False

    def forward(self, inputs_embeds: Any, output_hidden_states: bool | None = None, return_dict: bool | None = None) -> Any:
        x = inputs_embeds * self.turning.angles * self.turning.weight
        if self.gradient_checkpointing and self.training:
            y = self._gradient_checkpointing_func(self.linear.__call__, x)
        else:
            y = self.linear(x)
        states = (x, y) if output_hidden_states else None
        output = BaseModelOutput(last_hidden_state=y, hidden_states=states)
        return output.to_tuple() if return_dict is False else output


def test_a_model_written_from_nothing(tmp_path: Path) -> None:
    model = WrittenFromNothing(OpensWithinConfig()).eval()
    model.save_pretrained(tmp_path)
    again = WrittenFromNothing.from_pretrained(tmp_path)
    assert torch.equal(again.turning.angles, torch.arange(4) / 4)
    x = torch.ones(2, 4)
    assert torch.equal(again(x).last_hidden_state, model(x).last_hidden_state)
    assert len(again(x, output_hidden_states=True).hidden_states) == 2
    assert again(x).hidden_states is None
    assert isinstance(again(x, return_dict=False), tuple)
    again.train().gradient_checkpointing_enable()
    assert again.is_gradient_checkpointing
    again(x).last_hidden_state.sum().backward()
    assert again.linear.weight.grad is not None
    again.gradient_checkpointing_disable()
    assert not again.gradient_checkpointing

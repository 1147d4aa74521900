"""Outputs of modules that a model of one's own names, `_can_record_outputs`, beside those that the reference collects."""

from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from transformers.utils import output_capturing as theirs

import bestiary
from bestiary.compat import output_capturing as ours
from bestiary.core.errors import InputError

IDS = torch.tensor([[3, 4, 5], [1, 2, 0]])
MODULES = {bestiary: ours, transformers: theirs}


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Linear(4, 4)

    def forward(self, hidden_states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weights = (hidden_states @ hidden_states.mT).softmax(-1)
        return weights @ self.value(hidden_states), weights


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.cross_attn = Attention(), Attention()

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return hidden_states + self.self_attn(hidden_states)[0] + self.cross_attn(hidden_states)[0]


def classes(library: Any, declared: str, **options: Any) -> Any:
    """A backbone, a head and a model of two backbones, the same in both libraries.

    declared: what the backbone can record, a name in `declarations`.
    """
    outputs = bestiary.core.outputs if library is bestiary else transformers.modeling_outputs
    module = MODULES[library]

    @dataclass
    class Output(outputs.ModelOutput):  # type: ignore[misc,name-defined]
        last_hidden_state: Any = None
        hidden_states: Any = None
        attentions: Any = None
        cross_attentions: Any = None
        value_states: Any = None

    class OwnConfig(library.PreTrainedConfig):  # type: ignore[misc]
        model_type = "own-recorded"

        def __init__(self, num_hidden_layers: int = 3, **kwargs: Any) -> None:
            self.num_hidden_layers = num_hidden_layers
            super().__init__(**kwargs)

    class OwnPreTrainedModel(library.PreTrainedModel):  # type: ignore[misc]
        config_class = OwnConfig
        base_model_prefix = "model"
        _can_record_outputs = declarations(module)[declared]

    class OwnModel(OwnPreTrainedModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embed_tokens = nn.Embedding(8, 4)
            self.layers = nn.ModuleList(Layer() for _ in range(config.num_hidden_layers))
            self.norm = nn.LayerNorm(4)
            self.post_init()

        def _layers_alone(self, input_ids: Any = None, **kwargs: Any) -> Any:
            states = self.embed_tokens(input_ids)
            for layer in self.layers:
                states = layer(states)
            return Output(last_hidden_state=self.norm(states))

        forward = module.capture_outputs(**options)(_layers_alone)

    class OwnHead(OwnPreTrainedModel):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.model = OwnModel(config)
            self.lm_head = nn.Linear(4, 8)
            self.post_init()

        @(bestiary.compat.generic if library is bestiary else transformers.utils.generic).can_return_tuple  # type: ignore
        def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
            output = self.model(input_ids, **kwargs)
            logits = self.lm_head(output.last_hidden_state)
            return outputs.CausalLMOutput(logits=logits, hidden_states=output.hidden_states, attentions=output.attentions)

    class Two(OwnPreTrainedModel):
        _can_record_outputs = {"hidden_states": OwnModel}

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.first, self.second = OwnModel(config), OwnModel(config)
            self.post_init()

        @module.capture_outputs  # type: ignore[untyped-decorator]
        def forward(self, input_ids: Any = None, **kwargs: Any) -> Any:
            states = self.first(input_ids).last_hidden_state + self.second(input_ids, **kwargs).last_hidden_state
            return Output(last_hidden_state=states)

    return OwnConfig, OwnModel, OwnHead, Two


def declarations(module: Any) -> dict[str, Any]:
    recorder = module.OutputRecorder
    return {
        "classes": {"hidden_states": Layer, "attentions": Attention},
        "recorders": {
            "attentions": recorder(Attention, index=1, layer_name="self_attn"),
            "cross_attentions": recorder(Attention, index=1, layer_name=".cross_attn."),
            "hidden_states": recorder(Layer, capture_initial_hidden_state=False),
        },
        "lists": {
            "hidden_states": [Layer],
            "attentions": [recorder(Attention, index=-1, layer_name="layers.1"), "0.cross_attn"],
            "value_states": recorder(None, class_name="self_attn.value"),
        },
        "nothing": None,
    }


def pair(declared: str, part: int = 1, **options: Any) -> tuple[Any, Any]:
    """The model of this library, and that of the reference with the same weights."""
    torch.manual_seed(0)
    kinds = [classes(library, declared, **options) for library in (bestiary, transformers)]
    mine, reference = (each[part](each[0]()).eval() for each in kinds)
    reference.load_state_dict(mine.state_dict())
    return mine, reference


def assert_same(mine: Any, reference: Any) -> None:
    assert type(mine) is type(reference) or not isinstance(mine, tuple | torch.Tensor)
    if isinstance(reference, torch.Tensor):
        torch.testing.assert_close(mine, reference, atol=1e-5, rtol=1e-5)
    elif reference is not None:
        assert len(mine) == len(reference)
        names = set(reference) if isinstance(reference, dict) else range(len(reference))
        for name in names:
            assert_same(mine[name], reference[name])


ASKED = [
    {},
    {"output_hidden_states": True},
    {"output_attentions": True},
    {"output_hidden_states": True, "output_attentions": True, "output_value_states": True},
    {"output_hidden_states": True, "output_attentions": True, "return_dict": False},
    {"output_hidden_states": [0, -1, 9]},
    {"output_hidden_states": 2},
]


@pytest.mark.parametrize("asked", ASKED, ids=str)
@pytest.mark.parametrize("declared", ["classes", "recorders", "lists", "nothing"])
@pytest.mark.parametrize("part", [1, 2], ids=["backbone", "head"])
@torch.no_grad()
def test_what_arguments_ask_for(part: int, declared: str, asked: dict[str, Any]) -> None:
    mine, reference = pair(declared, part)
    expected = reference(IDS, **asked)
    assert_same(mine(IDS, **asked), expected)
    assert_same(mine.forward(IDS, **asked), expected)
    assert not any(module._forward_hooks for module in mine.modules())


@pytest.mark.parametrize("tied", [None, True, False], ids=str)
@pytest.mark.parametrize("decorated", [True, False], ids=str)
@torch.no_grad()
def test_what_a_config_asks_for(decorated: bool, tied: bool | None) -> None:
    mine, reference = pair("recorders", tie_last_hidden_states=decorated)
    for model in (mine, reference):
        model.config.output_hidden_states = model.config.output_cross_attentions = True
        if tied is not None:
            model.config.tie_last_hidden_states = tied
    assert_same(mine(IDS), reference(IDS))
    assert_same(mine(IDS, output_hidden_states=False), reference(IDS, output_hidden_states=False))
    for model in (mine, reference):
        model.config.return_dict = False
    assert_same(mine(IDS), reference(IDS))


@torch.no_grad()
def test_a_model_inside_of_a_model_records_for_itself() -> None:
    mine, reference = pair("classes", 3)
    for asked in ({}, {"output_hidden_states": True}, {"output_attentions": True}):
        assert_same(mine(IDS, **asked), reference(IDS, **asked))


@pytest.mark.parametrize("form", ["called", "bare", "outside", "inside"])
@torch.no_grad()
def test_the_older_decorator_captures_too(form: str) -> None:
    mine, reference = pair("classes")
    forward = type(mine)._layers_alone
    older, newer = ours.check_model_inputs, ours.capture_outputs
    forms = {
        "called": older()(forward),
        "bare": older(forward),
        "outside": older(newer(forward)),
        "inside": newer(older(forward)),
    }
    kind: Any = type("Older", (type(mine),), {"forward": forms[form]})
    model = kind(mine.config).eval()
    model.load_state_dict(mine.state_dict())
    asked = {"output_hidden_states": True, "output_attentions": True}
    assert_same(model(IDS, **asked), reference(IDS, **asked))


@torch.no_grad()
def test_another_thread_records_nothing() -> None:
    mine, _ = pair("classes")
    states = torch.ones(1, 2, 4)
    thread = Thread(target=lambda: mine.layers[2](states))

    def meanwhile(module: nn.Module, args: Any, output: Any) -> None:
        if not thread.ident:
            thread.start()
            thread.join()

    mine.layers[0].register_forward_hook(meanwhile)
    assert [each.shape[1] for each in mine(IDS, output_hidden_states=True).hidden_states] == [3, 3, 3, 3]


def test_a_negative_place_needs_the_number_of_layers() -> None:
    mine, _ = pair("classes")
    del mine.config.num_hidden_layers
    assert mine(IDS, output_hidden_states=[1]).hidden_states[0] is None
    with pytest.raises(InputError, match=r"no num_hidden_layers; count from the first"):
        mine(IDS, output_hidden_states=[-1])

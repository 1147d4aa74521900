"""What is special to RWKV: its state, halved states, rows that are padded or decoded together, its tokenizer."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.checkpoints import save
from kit.families import close

from bestiary import RwkvConfig, RwkvForCausalLM, RwkvModel
from bestiary.core.errors import ArgumentError, InputError

TINY: dict[str, Any] = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 3, "rescale_every": 1}
TINY |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
IDS = torch.randint(5, 99, (2, 9), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def folder() -> Path:
    return save(transformers.RwkvConfig(**TINY), "RwkvForCausalLM")


@pytest.fixture
def models(folder: Path) -> tuple[RwkvForCausalLM, Any]:
    return RwkvForCausalLM.from_pretrained(folder), transformers.RwkvForCausalLM.from_pretrained(folder).eval()


@torch.no_grad()
def test_halved_states_and_the_state_are_the_references(models: tuple[RwkvForCausalLM, Any]) -> None:
    recorded: dict[str, Any] = {"output_hidden_states": True, "output_attentions": True, "use_cache": True}
    ours, expected = (model(IDS, **recorded) for model in models)
    assert ours.keys() == list(expected.keys()) == ["logits", "state", "hidden_states", "attentions"]
    close(dict(ours), dict(expected))
    further = [model(IDS[:, :4], state=output.state) for model, output in zip(models, (ours, expected), strict=True)]
    close(dict(further[0]), dict(further[1]))
    for model in models:
        model.train()
    close(models[0](IDS).logits, models[1](IDS).logits)


@torch.no_grad()
def test_weights_stay_as_the_file_has_them(models: tuple[RwkvForCausalLM, Any]) -> None:
    before = {name: weight.clone() for name, weight in models[0].state_dict().items()}
    models[0](IDS)
    close(models[0].state_dict(), before, rtol=0, atol=0)


@torch.no_grad()
def test_rows_are_decoded_by_their_own_states(models: tuple[RwkvForCausalLM, Any]) -> None:
    """The reference shows a single new token of a batch the states of all rows."""
    model, theirs = models
    together = model(IDS[:, 8:], state=model(IDS[:, :8]).state).logits
    for row in range(2):
        alone = theirs(IDS[row : row + 1, 8:], state=theirs(IDS[row : row + 1, :8]).state).logits
        close(together[row : row + 1], alone)
    close(together, model(IDS).logits[:, 8:])


def test_generation_goes_on_from_a_state(models: tuple[RwkvForCausalLM, Any]) -> None:
    for model in models:
        whole = model.generate(IDS[:1], max_new_tokens=6, eos_token_id=None)
        state = model(IDS[:1, :5]).state
        assert torch.equal(model.generate(IDS[:1, 5:], state=state, max_new_tokens=6, eos_token_id=None), whole[:, 5:])


@torch.no_grad()
def test_an_attention_of_its_own_width_keeps_a_state() -> None:
    model = RwkvModel(RwkvConfig(**TINY, attention_hidden_size=20)).eval()
    first = model(IDS[:, :5])
    assert [tuple(part.shape) for part in first.state] == [(2, 32, 3)] * 2 + [(2, 20, 3)] * 3
    close(model(IDS[:, 5:], state=first.state)[0], model(IDS)[0][:, 5:])
    close(model(IDS[:, 5:], past_key_values=first.past_key_values)[0], model(IDS)[0][:, 5:])


def test_what_is_no_state(models: tuple[RwkvForCausalLM, Any]) -> None:
    model = models[0]
    output = model(IDS)
    for wrong in (output.state[:4], [torch.zeros(2)] * 5, "state"):
        with pytest.raises(InputError, match="five tensors"):
            model(IDS, state=wrong)
    with pytest.raises(ArgumentError, match="pass one"):
        model(IDS, state=output.state, past_key_values=output.past_key_values)
    with pytest.raises(InputError, match="heads"):
        model(IDS, head_mask=torch.ones(9))

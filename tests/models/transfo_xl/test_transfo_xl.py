"""Transformer-XL against what release 4.46.3 of the reference gave (`tests/golden/make_transfo_xl.py`)."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import close
from kit.transfo_xl import CONFIGS, fill, ids, labels
from safetensors.torch import load_file

from bestiary import AutoModelForCausalLM, TransfoXLConfig, TransfoXLForSequenceClassification, TransfoXLLMHeadModel
from bestiary.core.errors import ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.modeling.families import tasks_of

STORED = load_file(Path(__file__).parents[2] / "golden" / "transfo_xl.safetensors")
RECORDED = {"output_hidden_states": True, "output_attentions": True}


@cache
def model_of(name: str) -> TransfoXLLMHeadModel:
    model = TransfoXLLMHeadModel(TransfoXLConfig(**CONFIGS[name])).eval()
    fill(model)
    return model


def compare(output: Any, key: str) -> None:
    """Each tensor of an output with the stored one, and none is missing."""
    names = {name.removeprefix(f"{key}.").partition(".")[0] for name in STORED if name.startswith(f"{key}.")}
    assert names == {name for name, value in output.items() if not isinstance(value, tuple) or value}
    for name in names:
        values = output[name] if isinstance(output[name], list | tuple) else [output[name]]
        assert f"{key}.{name}.{len(values)}" not in STORED
        close(list(values), [STORED[f"{key}.{name}.{index}"] for index in range(len(values))], f"{key}.{name}")


@torch.no_grad()
@pytest.mark.parametrize("name", CONFIGS)
def test_numbers_are_the_published_ones_with_and_without_memory(name: str) -> None:
    model = model_of(name)
    first = model(ids(), **RECORDED)
    compare(first, f"{name}.first")
    compare(model(ids()[:, :4], mems=first.mems), f"{name}.second")
    if first.mems is not None:
        compare(model(ids(), [states[:2] for states in first.mems]), f"{name}.short")


@pytest.mark.parametrize("name", CONFIGS)
def test_losses_and_gradients(name: str) -> None:
    model, key = model_of(name), f"{name}.labels"
    output = model(ids(), labels=labels())
    close(output.loss, STORED[f"{key}.loss.0"])
    # There losses stand in the order of clusters, here in that of the words they are of.
    close(output.losses.flatten().sort().values, STORED[f"{key}.losses.0"].flatten().sort().values)
    assert torch.equal(output.losses == 0, labels()[:, 1:] == -100)
    logits = model(ids()).logits[:, :-1].transpose(1, 2)
    close(output.losses, torch.nn.functional.nll_loss(logits, labels()[:, 1:], reduction="none"))
    assert output.prediction_scores == () == output.logits
    model.zero_grad()
    output.loss.backward()
    sums = [parameter.grad.double().square().sum().float() for _, parameter in sorted(model.named_parameters())]  # type: ignore[union-attr]
    close(torch.stack(sums), STORED[f"{name}.gradients"], "gradients")


@pytest.mark.parametrize("name", CONFIGS)
def test_generation(name: str) -> None:
    model = model_of(name)
    greedy = model.generate(ids(), max_new_tokens=8, do_sample=False)
    assert torch.equal(greedy, STORED[f"{name}.written"])
    assert torch.equal(model.generate(ids(), max_new_tokens=6, do_sample=False, num_beams=3), STORED[f"{name}.searched"])
    again = model.generate(ids()[:1], max_new_tokens=8, do_sample=False)
    assert torch.equal(again, greedy[:1, : again.shape[1]])


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name, values in CONFIGS.items() if values["d_embed"] == values["d_model"]])
def test_classes(name: str) -> None:
    model = TransfoXLForSequenceClassification(TransfoXLConfig(**CONFIGS[name])).eval()
    fill(model)
    padded = ids()
    padded[1, 6:] = 3
    compare(model(padded, labels=torch.tensor([0, 2, 1])), f"{name}.classes")


@torch.no_grad()
@pytest.mark.parametrize("name", CONFIGS)
def test_what_is_saved_is_opened(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    model.save_pretrained(tmp_path)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(opened) is TransfoXLLMHeadModel
    close(opened(ids()).logits, model(ids()).logits)


@torch.no_grad()
@pytest.mark.parametrize(("name", "layer"), [("tiny", -1), ("tiny", 0), ("apart", 1), ("one_table", -1)])
def test_more_words_go_behind_those_of_a_table(name: str, layer: int) -> None:
    model = TransfoXLLMHeadModel(TransfoXLConfig(**CONFIGS[name])).eval()
    fill(model)
    before = model(ids()).logits
    model.resize_token_embeddings(43, layer=layer)
    first = {-1: 40, 0: 10, 1: 20}[layer]
    moved = torch.where(ids() >= first, ids() + 3, ids())
    after = model(moved).logits
    assert after.shape[-1] == model.config.vocab_size == model.transformer.n_token == 43
    rest = torch.cat([after[..., :first], after[..., first + 3 :]], dim=-1)
    close(rest.diff(dim=-1)[..., 20:], before.diff(dim=-1)[..., 20:]) if layer == 0 else None
    close(after.exp().sum(dim=-1), torch.ones(3, 9))
    assert TransfoXLLMHeadModel(model.config).state_dict().keys() == model.state_dict().keys()
    with pytest.raises(InputError, match="keep one"):
        model.resize_token_embeddings(3, layer=layer)


def test_every_class_is_here_and_starts_as_published() -> None:
    assert set(tasks_of("transfo-xl").values()) == {
        "TransfoXLModel",
        "TransfoXLLMHeadModel",
        "TransfoXLForSequenceClassification",
    }
    torch.manual_seed(0)
    model = TransfoXLLMHeadModel(TransfoXLConfig(**{**CONFIGS["apart"], "init_std": 0.5, "proj_init_std": 0.2, "d_inner": 512}))
    weights = dict(model.named_parameters())
    for name, deviation in (("pos_ff.CoreNet.0.weight", 0.5), ("dec_attn.r_w_bias", 0.5), ("pos_ff.layer_norm.weight", 0.5)):
        assert weights[f"transformer.layers.0.{name}"].detach().std() == pytest.approx(deviation, rel=0.5)
    assert weights["transformer.layers.0.pos_ff.layer_norm.weight"].detach().mean() == pytest.approx(1, abs=0.3)
    assert weights["transformer.word_emb.emb_projs.0"].detach().std() == pytest.approx(0.2, rel=0.1)
    assert weights["crit.out_projs.0"].detach().std() == pytest.approx(0.2, rel=0.1)
    assert weights["crit.cluster_weight"].detach().std() == pytest.approx(0.5, rel=0.3)
    assert not weights["crit.cluster_bias"].any()


def test_memory_is_set_and_begins_as_zeros() -> None:
    model = TransfoXLLMHeadModel(TransfoXLConfig(**CONFIGS["tiny"])).eval()
    begun = model.init_mems(2)
    assert [tuple(states.shape) for states in begun or ()] == [(6, 2, 32)] * 2
    close(model(ids(2), mems=begun).logits, model(ids(2)).logits)
    model.reset_memory_length(4)
    assert model(ids()).mems[0].shape == (4, 3, 32)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"attn_type": 1}, "attn_type is 1"),
        ({"sample_softmax": 5}, "sample_softmax 5"),
        ({"tie_projs": [True]}, "one for each cluster"),
        ({"d_model": 31}, "even number"),
    ],
)
def test_configs_that_nothing_computes(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TransfoXLConfig(**{**CONFIGS["tiny"], **values})


@pytest.mark.parametrize(("values", "words"), [({"cutoffs": [20, 10]}, "rise"), ({"div_val": 8}, "too small to be divided")])
def test_words_that_cannot_be_cut(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TransfoXLLMHeadModel(TransfoXLConfig(**{**CONFIGS["tiny"], "d_embed": 16, **values}))


def test_inputs_that_it_cannot_read_or_reads_otherwise() -> None:
    model = model_of("tiny")
    with pytest.raises(InputError, match="mems are a list of 1"):
        model(ids(), mems=[torch.zeros(2, 3, 32)])
    with pytest.raises(InputError, match="holds the id 40"):
        model(torch.full((1, 3), 40))
    with pytest.raises(InputError, match="same_length=False"):
        TransfoXLLMHeadModel(TransfoXLConfig(**{**CONFIGS["tiny"], "mem_len": 0}))(ids())
    mask = torch.ones_like(ids())
    mask[0, :2] = 0
    with pytest.warns(BestiaryWarning, match="looks at all the same"):
        padded = model.generate(ids(), attention_mask=mask, max_new_tokens=2)
    assert torch.equal(padded, model.generate(ids(), max_new_tokens=2))
    with pytest.warns(BestiaryWarning, match="end token is its second label"):
        model(ids(1), labels=torch.full((1, 9), -100))

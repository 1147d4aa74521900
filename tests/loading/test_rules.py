"""Rules between stored and own names: what they do, and that saving undoes loading."""

import pytest
import torch
from kit.small_modules import Body, never, on_meta, randomise

from bestiary.core.errors import ConfigError, CorruptFile, LoadError
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import load_weights
from bestiary.loading.rules import merge, on_load, on_save, rename, split, stack, transpose
from bestiary.loading.save import save_weights

RULES = {
    "rename": [rename("layers.{}.up.weight", "layers.{}.first.weight")],
    "two renames in a row": [rename("a.weight", "b.weight"), rename("b.weight", "c.weight")],
    "transpose": [transpose("up.weight")],
    "split": [split("qkv.weight", ["q.weight", "k.weight", "v.weight"])],
    "split in sizes": [split("qkv.weight", ["q.weight", "kv.weight"], sizes=[2, 4])],
    "split columns": [split("qkv.weight", ["q.weight", "k.weight", "v.weight"], dim=1)],
    "merge": [merge(["up.weight", "gate.weight"], "both.weight")],
    "transpose, then split": [transpose("qkv.weight"), split("qkv.weight", ["q.weight", "k.weight", "v.weight"], dim=1)],
}
STORED = {
    f"model.layers.{i}.{name}.weight": torch.randn(6, 6) for i in range(2) for name in ("qkv", "up", "gate", "a", "other")
}


def build(table, state):
    return {name: made.build(state.__getitem__) for name, made in table.items()}


@pytest.mark.parametrize("name", RULES)
def test_saving_undoes_loading(name):
    own = build(on_load(RULES[name], STORED), STORED)
    assert own.keys() != STORED.keys() or name == "transpose"
    back = build(on_save(RULES[name], own), own)
    assert back.keys() == STORED.keys()
    assert all(torch.equal(back[key], STORED[key]) for key in STORED)


def test_what_the_rules_make():
    qkv = STORED["model.layers.1.qkv.weight"]
    own = build(on_load(RULES["split"], STORED), STORED)
    assert torch.equal(own["model.layers.1.k.weight"], qkv[2:4])
    own = build(on_load(RULES["merge"], STORED), STORED)
    both = torch.cat([STORED["model.layers.0.up.weight"], STORED["model.layers.0.gate.weight"]])
    assert torch.equal(own["model.layers.0.both.weight"], both)
    assert torch.equal(
        build(on_load(RULES["transpose"], STORED), STORED)["model.layers.0.up.weight"], STORED["model.layers.0.up.weight"].T
    )


def test_a_template_fits_whole_parts_of_a_name():
    table = on_load([rename("gamma", "weight")], ["gamma", "norm.gamma", "norm.xgamma", "gamma.x"])
    assert list(table) == ["weight", "norm.weight", "norm.xgamma", "gamma.x"]


def test_old_spellings_are_read_and_never_written():
    rules = [rename("gamma", "weight", reverse=False)]
    assert list(on_load(rules, ["norm.gamma"])) == ["norm.weight"]
    assert list(on_save(rules, ["norm.weight"])) == ["norm.weight"]


def test_an_incomplete_set_comes_up_in_the_report():
    rules = [merge(["up.left", "up.right"], "up.weight")]
    state = randomise(Body()).state_dict()
    for i in range(3):
        whole = state.pop(f"layers.{i}.up.weight")
        state[f"layers.{i}.up.left"], state[f"layers.{i}.up.right"] = whole.chunk(2)
    model = on_meta(Body)
    report = load_weights(model, Checkpoint.of(state), renames=rules, initialise=never)
    assert report.sources["layers.1.up.weight"] == "state_dict:layers.1.up.left + state_dict:layers.1.up.right"
    del state["layers.1.up.right"]
    with pytest.raises(LoadError, match=r"(?s)missing +layers.1.up.weight\n.*unexpected +layers.1.up.left\nfrom_pretrained"):
        load_weights(on_meta(Body), Checkpoint.of(state), renames=rules, initialise=never)


def test_files_hold_the_stored_names(tmp_path):
    model = randomise(Body())
    rules = [transpose("up.weight", "up.weight"), split("mlp.weight", ["down.weight"])]
    save_weights(model.state_dict(), tmp_path, renames=rules)
    stored = Checkpoint.open(tmp_path)
    assert "layers.0.mlp.weight" in stored.keys
    assert stored.keys["layers.0.up.weight"].shape == (8, 16)
    found = on_meta(Body)
    load_weights(found, stored, renames=rules, initialise=never)
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), model.parameters(), strict=True))
    assert all(parameter.is_contiguous() for parameter in found.parameters())


def test_an_old_spelling_does_not_win_over_the_present_one() -> None:
    rules = [rename("old.weight", "new.weight", reverse=False)]
    assert on_load(rules, ["m.old.weight"])["m.new.weight"].sources == ("m.old.weight",)
    both = on_load(rules, ["m.new.weight", "m.old.weight"])
    assert both["m.new.weight"].sources == ("m.new.weight",)
    assert both["m.old.weight"].sources == ("m.old.weight",)  # comes up in the report


def test_numbered_tensors_are_stacked():
    rules = [stack(["experts.{n}.w1", "experts.{n}.w3"], "mlp.both"), stack(["experts.{n}.w2"], "mlp.back")]
    names = [f"layers.{i}.experts.{n}.{kind}" for i in range(2) for n in range(11) for kind in ("w1", "w2", "w3")]
    stored = {name: torch.randn(2, 3) for name in names}
    own = build(on_load(rules, stored), stored)
    assert {name: tuple(tensor.shape) for name, tensor in own.items()} == {
        f"layers.{i}.mlp.{name}": shape for i in range(2) for name, shape in {"both": (11, 4, 3), "back": (11, 2, 3)}.items()
    }
    assert torch.equal(own["layers.1.mlp.both"][10, :2], stored["layers.1.experts.10.w1"])
    assert torch.equal(own["layers.1.mlp.both"][10, 2:], stored["layers.1.experts.10.w3"])
    back = build(on_save(rules, own, {name: len(tensor) for name, tensor in own.items()}), own)
    assert back.keys() == stored.keys()
    assert all(torch.equal(back[name], stored[name]) for name in stored)
    del stored["layers.1.experts.4.w3"]
    assert "layers.1.mlp.both" not in on_load(rules, stored)
    with pytest.raises(ConfigError, match=r"experts\.\{n\}\.w2: the tensor taken apart is changed by another rule first"):
        on_save([*rules, transpose("mlp.back")], own, {name: len(tensor) for name, tensor in own.items()})


@pytest.mark.parametrize("other", [torch.zeros(2, 3), torch.zeros(3, 2).int(), torch.zeros(3, 2).to(torch.float8_e4m3fn)])
def test_tensors_that_are_stacked_are_alike(other: torch.Tensor) -> None:
    rule = stack(("experts.{n}.w1.weight",), "experts.w1")
    assert rule.load([torch.zeros(3, 2), torch.zeros(3, 2).bfloat16()])[0].shape == (2, 3, 2)
    with pytest.raises(CorruptFile, match=r"number 1 of experts.\{n\}.w1.weight is torch.*expected torch.float32 \(3, 2\)"):
        rule.load([torch.zeros(3, 2), other])

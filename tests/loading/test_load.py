"""Loading accounts for every tensor: what is allowed, what is refused, and what ends where."""

import pytest
import torch
from kit.small_modules import TIED, Body, Classifier, WithHead, never, on_meta, randomise
from torch import nn

from bestiary.core.errors import LoadError
from bestiary.core.logging import BestiaryWarning
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import LoadPlan, load_weights
from bestiary.loading.save import save_weights

NAMES = sorted(WithHead(tied=False).state_dict())


def load(model, state, **kwargs):
    kwargs.setdefault("initialise", never)
    return load_weights(model, Checkpoint.of(state), **kwargs)


def equal(model: nn.Module, state: dict[str, torch.Tensor]) -> bool:
    own = model.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[key], state[key]) for key in state)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("shard", ["50GB", 600])
def test_save_and_load_is_exact(tmp_path, tied, safe, shard):
    model = randomise(WithHead(tied))
    ties = TIED if tied else {}
    save_weights(model.state_dict(), tmp_path, tied=ties, safe_serialization=safe, max_shard_size=shard)
    found = on_meta(WithHead, tied)
    report = load_weights(found, Checkpoint.open(tmp_path), tied=ties, initialise=never)
    assert equal(found, model.state_dict())
    assert report.ok
    assert report.sources.keys() == model.state_dict().keys()
    assert (found.head.weight is found.body.embed.weight) == tied
    assert report.tied == (TIED if tied else {})
    assert not any(tensor.is_meta for tensor in found.state_dict().values())
    assert all(parameter.requires_grad and isinstance(parameter, nn.Parameter) for parameter in found.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_key_is_named(name):
    state = randomise(WithHead(tied=False)).state_dict()
    del state[name]
    with pytest.raises(LoadError, match=rf"missing +{name}\nfrom_pretrained"):
        load(on_meta(WithHead, tied=False), state, prefix="body")


@pytest.mark.parametrize("name", NAMES)
def test_a_renamed_key_is_named_twice(name):
    state = randomise(WithHead(tied=False)).state_dict()
    state[f"{name}x"] = state.pop(name)
    with pytest.raises(LoadError, match=rf"(?s)missing +{name}\n.*unexpected +{name}x\nfrom_pretrained"):
        load(on_meta(WithHead, tied=False), state, prefix="body")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head_is_new", [False, True])
def test_an_added_key_is_told_and_changes_nothing(name, head_is_new):
    state = randomise(WithHead(tied=False)).state_dict()
    state[f"body.layers.7.{name}"] = state[name]
    model = on_meta(WithHead, tied=False)
    with pytest.warns(BestiaryWarning, match=rf"in the file, not used: body.layers.7.{name} "):
        report = load(model, state, prefix="body", head_is_new=head_is_new)
    assert report.unexpected == [f"body.layers.7.{name}"]
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_both_sides_of_a_tie_in_one_file():
    state = {key: value.clone() for key, value in randomise(WithHead()).state_dict().items()}
    state["head.weight"][0, 0] = state["body.embed.weight"][0, 0] = float("nan")
    model = on_meta(WithHead)
    load(model, state, tied=TIED)  # equal sides are one
    assert model.head.weight is model.body.embed.weight
    state["head.weight"][1, 1] += 1
    apart = on_meta(WithHead)
    with pytest.warns(BestiaryWarning, match="ties head.weight to body.embed.weight, .*tie_word_embeddings=False"):
        assert load(apart, state, tied=TIED).untied == ["head.weight"]
    for name, tensor in apart.state_dict().items():
        assert torch.equal(tensor.nan_to_num(), state[name].nan_to_num())
    untied = on_meta(WithHead, tied=False)
    load(untied, state)
    assert torch.equal(untied.head.weight[1:], state["head.weight"][1:])


@pytest.mark.parametrize("kept", ["body.embed.weight", "head.weight"])
def test_either_side_of_a_tie_is_enough(kept):
    state = randomise(WithHead()).state_dict()
    (other,) = {"body.embed.weight", "head.weight"} - {kept}
    del state[other]
    model = on_meta(WithHead, tied=False)  # the tie is declared, the objects are still two
    report = load(model, state, tied=TIED, prefix="body")
    assert model.head.weight is model.body.embed.weight
    assert torch.equal(model.head.weight, state[kept])
    assert report.sources["body.embed.weight"] == f"state_dict:{kept}"
    assert report.sources["head.weight"] == "tied to body.embed.weight"


def test_a_backbone_opens_a_file_with_a_head_and_the_other_way_round():
    whole = randomise(WithHead(tied=False))
    body = on_meta(Body)
    report = load(body, whole.state_dict(), prefix="body")
    assert equal(body, whole.body.state_dict())
    assert report.unused == ["head.weight"]

    again = on_meta(WithHead, tied=False)
    with pytest.warns(BestiaryWarning, match=r"new, to be trained: head.weight"):
        load(
            again,
            body.state_dict(),
            prefix="body",
            head_is_new=True,
            initialise=lambda names: again.head.weight.data.fill_(0.5),
        )
    assert equal(again.body, whole.body.state_dict())
    assert (again.head.weight == 0.5).all()


def test_another_head_is_new_with_one_warning_that_names_both():
    model = on_meta(Classifier)
    asked = []

    def initialise(names):
        asked.append(names)
        for module in (model.dense, model.classifier):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    state = randomise(WithHead(tied=False)).state_dict()
    with pytest.warns(BestiaryWarning) as caught:
        report = load(model, state, prefix="body", head_is_new=True, initialise=initialise)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "new, to be trained: dense.weight, dense.bias, classifier.weight, classifier.bias" in text
    assert "not used: head.weight" in text
    assert asked == [{"dense.weight", "dense.bias", "classifier.weight", "classifier.bias"}]
    assert report.sources["dense.weight"] == "initialised"
    assert equal(model.body, {key[5:]: value for key, value in state.items() if key.startswith("body.")})


def test_half_a_module_is_never_new():
    state = randomise(Classifier()).state_dict()
    del state["classifier.bias"]
    with pytest.raises(LoadError, match=r"missing +classifier.bias\nfrom_pretrained"):
        load(on_meta(Classifier), state, prefix="body", head_is_new=True)


def test_an_allowed_tensor_is_made_and_its_neighbour_keeps_its_value():
    state = randomise(Classifier()).state_dict()
    del state["classifier.bias"]
    model = on_meta(Classifier)

    def initialise(names):  # works on whole modules, as models do
        assert names == {"classifier.bias"}
        nn.init.zeros_(model.classifier.weight)
        nn.init.zeros_(model.classifier.bias)

    with pytest.warns(BestiaryWarning, match=r"classifier\.bias"):
        load(model, state, allow_missing=[r"classifier\.bias"], initialise=initialise)
    assert torch.equal(model.classifier.weight, state["classifier.weight"])
    assert model.classifier.bias.tolist() == [0.0, 0.0]


@pytest.mark.filterwarnings("ignore::bestiary.core.logging.BestiaryWarning")
def test_what_the_initialisation_leaves_out_is_an_error():
    model = on_meta(Classifier)
    with pytest.raises(LoadError, match=r"dense.weight.*initialisation does not fill"):
        load(model, randomise(Body()).state_dict(), prefix="body", head_is_new=True, initialise=lambda names: None)


def test_another_size_is_refused_unless_allowed():
    state = randomise(Classifier(labels=3)).state_dict()
    with pytest.raises(LoadError, match=r"mismatched +classifier.weight: file \(3, 8\), model \(2, 8\)"):
        load(on_meta(Classifier), state, head_is_new=True)
    model = on_meta(Classifier)

    def initialise(names):
        assert names == {"classifier.weight", "classifier.bias"}
        nn.init.zeros_(model.classifier.weight)
        nn.init.zeros_(model.classifier.bias)

    with pytest.warns(BestiaryWarning, match="classifier.weight"):
        report = load(model, state, ignore_mismatched_sizes=True, initialise=initialise)
    assert report.as_info()["mismatched_keys"] == {("classifier.weight", (3, 8), (2, 8)), ("classifier.bias", (3,), (2,))}
    assert torch.equal(model.dense.weight, state["dense.weight"])


def test_keys_that_a_class_ignores():
    state = {**randomise(Body()).state_dict(), "layers.0.masked_bias": torch.ones(1)}
    with pytest.warns(BestiaryWarning, match="not used: layers.0.masked_bias"):
        load(on_meta(Body), state)
    assert load(on_meta(Body), state, ignore_unexpected=[r"\.masked_bias$"]).unused == ["layers.0.masked_bias"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, None])
def test_dtype_and_what_stays_in_fp32(dtype):
    state = {key: value.to(torch.bfloat16) for key, value in randomise(Body()).state_dict().items()}
    model = on_meta(Body)
    report = load(model, state, plan=LoadPlan(dtype=dtype, keep_in_fp32=["down"]))
    for name, value in model.state_dict().items():
        wanted = torch.float32 if ".down." in name else dtype or torch.bfloat16
        assert value.dtype == wanted
        assert torch.equal(value, state[name].to(wanted))
        assert (name in report.converted) == (wanted != torch.bfloat16)


class Buffered(nn.Module):
    """A stored counter, and a table that the module computes itself."""

    def __init__(self, own_device: str | None = None) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("table", torch.arange(4.0, device=own_device), persistent=False)


def test_buffers_are_loaded_computed_or_told():
    state = {"count": torch.tensor(7)}
    model = on_meta(Buffered, own_device="cpu")
    report = load(model, state, plan=LoadPlan(dtype=torch.float16))
    assert model.count.item() == 7
    assert model.count.dtype == torch.int64
    assert model.table.tolist() == [0, 1, 2, 3]
    assert report.sources == {"count": "state_dict:count", "table": "computed"}
    with pytest.raises(LoadError, match=r"missing +table"):
        load(on_meta(Buffered), state)


def test_a_number_in_the_place_of_a_weight():
    state = randomise(Body()).state_dict()
    state["embed.weight"] = torch.zeros(16, 8, dtype=torch.int64)
    with pytest.raises(LoadError, match=r"embed.weight is torch.int64 in the file and torch.float32 in the model"):
        load(on_meta(Body), state)


def test_a_loaded_tensor_is_mapped_and_training_it_leaves_the_file_alone(tmp_path):
    model = randomise(WithHead())
    save_weights(model.state_dict(), tmp_path, tied=TIED)
    before = (tmp_path / "model.safetensors").read_bytes()
    found = on_meta(WithHead)
    load_weights(found, Checkpoint.open(tmp_path), tied=TIED, initialise=never)
    optimizer = torch.optim.SGD(found.parameters(), lr=0.1)
    found(torch.arange(5)).sum().backward()
    optimizer.step()
    assert not torch.equal(found.head.weight, model.head.weight)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    save_weights(found.state_dict(), tmp_path, tied=TIED)  # over the very file it is mapped from
    again = on_meta(WithHead)
    load_weights(again, Checkpoint.open(tmp_path), tied=TIED, initialise=never)
    assert equal(again, found.state_dict())


def test_attributes_and_flags_of_parameters_stay():
    model = on_meta(Body)
    model.embed.weight.requires_grad_(False)
    model.embed.weight.no_decay = True
    load(model, randomise(Body()).state_dict())
    assert not model.embed.weight.requires_grad
    assert model.embed.weight.no_decay is True


def test_converted_tensors_set_aside_come_back(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    state = randomise(WithHead()).state_dict()
    model = on_meta(WithHead)
    load(model, state, tied=TIED, plan=LoadPlan(dtype=torch.bfloat16, offload_state_dict=True))
    assert equal(model, {key: value.to(torch.bfloat16) for key, value in state.items()})
    assert model.head.weight is model.body.embed.weight
    assert list(tmp_path.iterdir()) == []


def test_the_report_reads_as_a_table():
    state = randomise(WithHead()).state_dict()
    state = {
        f"body.{key}" if not key.startswith("body.") else key: value for key, value in state.items() if key != "head.weight"
    }
    report = load(on_meta(WithHead), state, tied=TIED, plan=LoadPlan(dtype=torch.float16))
    lines = str(report).splitlines()
    assert lines[0] == "the state_dict: 20 tensors"
    assert "  state_dict                body.layers.{0..2}.up.weight" in lines
    assert "  tied to body.embed.weight  head.weight" in lines
    assert "  converted   19 tensors float32 -> float16" in lines

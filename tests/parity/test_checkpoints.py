"""Checkpoints go both ways, bit for bit, and every tensor is accounted for."""

from pathlib import Path

import pytest
import torch
from kit.families import Pair, every_head, pair
from safetensors.torch import load_file

from bestiary.core.errors import LoadError

HEADS = [row for row in every_head() if not row[2] or row[2] == "tied"]


@pytest.fixture(params=HEADS, ids=lambda row: "-".join(filter(None, row[1:])))
def models(request: pytest.FixtureRequest) -> Pair:
    return pair(*request.param)


def same_state(left: torch.nn.Module, right: torch.nn.Module) -> None:
    a, b = left.state_dict(), right.state_dict()
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


def test_report_names_the_source_of_every_tensor(models: Pair) -> None:
    report = models.ours.load_report
    assert set(report.sources) >= {name for name, _ in models.ours.named_parameters(remove_duplicate=False)}
    assert not report.missing
    assert not report.initialised
    assert not any(parameter.is_meta for parameter in models.ours.parameters())
    assert models.name[:4].lower() in str(report).lower() or "safetensors" in str(report)


def test_round_trip_is_bit_exact(models: Pair, tmp_path: Path) -> None:
    models.ours.save_pretrained(tmp_path)
    again = type(models.ours).from_pretrained(tmp_path)
    same_state(models.ours, again)
    assert again.config.to_dict() == {**models.ours.config.to_dict(), "architectures": [models.name]}


def test_reference_opens_ours(models: Pair, tmp_path: Path) -> None:
    models.ours.save_pretrained(tmp_path)
    reference, info = type(models.reference).from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    same_state(models.reference, reference.eval())


def test_file_keys_are_the_published_ones(models: Pair, tmp_path: Path) -> None:
    models.ours.save_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(load_file(models.folder / "model.safetensors"))


def test_dropping_or_renaming_any_key_raises_and_names_it(models: Pair, tmp_path: Path) -> None:
    tensors = load_file(models.folder / "model.safetensors")
    models.ours.config.save_pretrained(tmp_path)
    config = type(models.ours.config).from_pretrained(models.folder)
    for key in tensors:
        rest = {name: tensor for name, tensor in tensors.items() if name != key}
        with pytest.raises(LoadError) as dropped:
            type(models.ours).from_pretrained(None, config=config, state_dict=rest)
        named = [name for name in models.ours.load_report.sources if models.ours.load_report.sources[name].endswith(f":{key}")]
        assert any(str(part) in str(dropped.value) for part in named), key
        with pytest.raises(LoadError, match="strange"):
            type(models.ours).from_pretrained(None, config=config, state_dict={**rest, f"strange.{key}": tensors[key]})


def test_building_on_meta_allocates_nothing(models: Pair) -> None:
    with torch.device("meta"):
        model = type(models.ours)(models.ours.config)
    assert all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


def test_torch_zip_weights_load(models: Pair, tmp_path: Path) -> None:
    models.ours.save_pretrained(tmp_path, safe_serialization=False)
    assert (tmp_path / "pytorch_model.bin").exists()
    same_state(models.ours, type(models.ours).from_pretrained(tmp_path))

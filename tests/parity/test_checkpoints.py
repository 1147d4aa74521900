"""Checkpoints go both ways, bit for bit, and every tensor is accounted for."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import Pair, cases, each, every_head, every_row, one_each, pair
from safetensors import safe_open
from safetensors.torch import load_file

import bestiary
from bestiary.auto import AutoConfig
from bestiary.core.errors import LoadError
from bestiary.loading.rules import on_load

HEADS = [row for row in every_row() if row[2] in ("", "tied")]


def same_state(left: torch.nn.Module, right: torch.nn.Module) -> None:
    a, b = left.state_dict(), right.state_dict()
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


@each(HEADS)
def test_report_names_the_source_of_every_tensor(models: Pair) -> None:
    report = models.ours.load_report
    assert set(report.sources) >= {name for name, _ in models.ours.named_parameters(remove_duplicate=False)}
    assert not report.missing
    assert not report.initialised
    assert not any(parameter.is_meta for parameter in models.ours.parameters())
    # Values that follow from the config are computed when needed, so that no cast of the model touches them.
    assert all(":" in report.sources[name] for name, _ in models.ours.named_buffers()), "a buffer that no file holds"
    assert models.name[:4].lower() in str(report).lower() or "safetensors" in str(report)


@pytest.mark.parametrize("model_type", cases())
def test_tensors_that_published_classes_leave_out_are_left_out(model_type: str) -> None:
    """Old files hold buffers that no model needs; whoever publishes a class says which, as patterns."""
    for name in cases()[model_type].heads:
        patterns = getattr(transformers, name)._keys_to_ignore_on_load_unexpected or []
        for pattern in patterns:
            key = re.sub(r"\\d\+?", "0", pattern.removeprefix("^").removesuffix(".*")).replace("\\", "")
            ours = "|".join(getattr(bestiary, name)._keys_to_ignore_on_load_unexpected)
            assert re.search(ours, key) or re.search(ours, f"{key}.weight"), f"{name}: {key}"


def includes(whole: Any, part: Any) -> bool:
    """Whether a config says all that another says; ours also tells what the reference has no field for."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return part.keys() <= whole.keys() and all(includes(whole[name], value) for name, value in part.items())
    return bool(whole == part)


def number(table: dict[str, Any]) -> Any:
    """The number that JSON has no word for, where `table` stands for one."""
    return float(table["__float__"]) if table.keys() == {"__float__"} else table


@each(HEADS)
def test_what_is_saved_is_what_the_reference_saved(models: Pair, tmp_path: Path) -> None:
    """The same keys, bit for bit the same tensors, and a config that says the same to the reference."""
    models.ours.save_pretrained(tmp_path)
    with (
        safe_open(tmp_path / "model.safetensors", "pt") as saved,
        safe_open(models.folder / "model.safetensors", "pt") as published,
    ):
        assert saved.metadata() == published.metadata()
        assert set(saved.keys()) == set(published.keys())
        for key in published.keys():
            assert torch.equal(saved.get_tensor(key), published.get_tensor(key)), key
    open_config = type(models.reference.config).from_pretrained
    published_config = open_config(models.folder)
    published_config.problem_type = models.ours.config.problem_type  # a loss that another test asked for has written it
    assert includes(open_config(tmp_path).to_dict(), published_config.to_dict())
    config = AutoConfig.from_pretrained(tmp_path)
    assert type(config) is type(models.ours.config)
    said = {"architectures": [models.name], "_name_or_path": str(tmp_path)}
    assert config.to_dict() == {**models.ours.config.to_dict(), **said}
    for name, value in json.loads((models.folder / "config.json").read_text(), object_hook=number).items():
        if name != "transformers_version" and not isinstance(value, dict | float) and name in config.to_dict():
            assert config.to_dict()[name] == value, name


@each(one_each(HEADS))
def test_what_is_saved_is_opened_by_both(models: Pair, tmp_path: Path) -> None:
    """Both libraries read the same bits from it and find nothing missing or left over."""
    models.ours.save_pretrained(tmp_path)
    same_state(models.ours, type(models.ours).from_pretrained(tmp_path))
    reference, info = type(models.reference).from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    same_state(models.reference, reference.eval())


def refusal(models: Pair, tensors: dict[str, torch.Tensor]) -> str:
    """What opening a model of these tensors is answered."""
    with pytest.raises(LoadError) as refused:
        type(models.ours).from_pretrained(None, config=models.ours.config, state_dict=tensors)
    return str(refused.value)


@pytest.mark.parametrize("model_type", cases())
def test_a_tensor_that_is_dropped_or_renamed_is_named(model_type: str) -> None:
    """Of half of what a head adds to those before it (or of one of the others) one is dropped, the rest has strange names.

    Both these and what they leave without weights are named.
    """
    draw = random.Random(model_type)
    tested: set[str] = set()
    for head in cases()[model_type].heads:
        models = pair(model_type, head)
        tensors = load_file(models.folder / "model.safetensors")
        kind = type(models.ours)  # without these a model opens, with a warning or as it would be with them
        optional = [*kind._optional_parts, *kind._keys_to_ignore_on_load_missing]
        needed = [key for key in sorted(tensors) if not any(re.search(pattern, key) for pattern in optional)]
        by_backbone_name = {key.removeprefix(f"{models.ours.base_model_prefix}."): key for key in needed}
        new = [by_backbone_name[name] for name in sorted(by_backbone_name.keys() - tested)] or [draw.choice(needed)]
        draw.shuffle(new)
        for keys in (new[::2], new[1::2]):
            if keys:
                dropped, *renamed = keys
                left = {f"strange.{key}" if key in renamed else key: x for key, x in tensors.items() if key != dropped}
                named = unfolded_names(refusal(models, left))
                assert places(models, [dropped]) & named, dropped
                assert places(models, renamed) <= named
                assert ours(models, [f"strange.{key}" for key in renamed]) <= named
        tested |= by_backbone_name.keys()


def places(models: Pair, keys: list[str]) -> set[str]:
    """The tensors of our model that were made from `keys` of the file."""
    sources = models.ours.load_report.sources.items()
    return {name for name, source in sources if set(stored_keys(source)) & set(keys)}


def stored_keys(source: str) -> list[str]:
    """The keys of a file that a tensor was made from, by what the report says of it."""
    return [part.partition(":")[2] for part in source.split(" + ")]


def ours(models: Pair, keys: list[str]) -> set[str]:
    """What the rules of a family make of `keys` of a file."""
    return set(on_load(models.ours._weight_rules, keys))


def unfolded_names(answer: str) -> set[str]:
    """Every name in it."""
    return {name for word in answer.replace(":", " ").split() for name in unfolded(word)}


def unfolded(line: str) -> list[str]:
    """`h.{0..1,4}.w` -> `h.0.w`, `h.1.w`, `h.4.w`."""
    runs = re.search(r"{([\d.,]+)}", line)
    if runs is None:
        return [line]
    numbers: list[int] = []
    for run in runs[1].split(","):
        first, _, last = run.partition("..")
        numbers += range(int(first), int(last or first) + 1)
    return [name for number in numbers for name in unfolded(line.replace(runs[0], str(number), 1))]


@each(one_each(every_head()))
def test_building_on_meta_allocates_nothing(models: Pair) -> None:
    with torch.device("meta"):
        model = type(models.ours)(models.ours.config)
    assert all(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])


@each(one_each(every_head()))
def test_torch_zip_weights_load(models: Pair, tmp_path: Path) -> None:
    models.ours.save_pretrained(tmp_path, safe_serialization=False)
    assert (tmp_path / "pytorch_model.bin").exists()
    same_state(models.ours, type(models.ours).from_pretrained(tmp_path))

"""Records: what is typed is checked, what a file holds is kept."""

import copy
import json
import pickle
from dataclasses import field

import pytest
import torch

from bestiary.core.config import PlacedRecord, Record
from bestiary.core.errors import ConfigError


class Base(Record):
    hidden_size: int = 4
    names: list[str] = field(default_factory=list)
    dtype: object = None
    attribute_map = {"n_embd": "hidden_size"}


class Derived(Base):
    more: str = "x"
    attribute_map = {"extra": "more"}


def test_other_spellings_read_and_write_the_field() -> None:
    record = Derived(n_embd=7, extra="y")
    assert (record.hidden_size, record.n_embd, record.more) == (7, 7, "y")
    record.n_embd = 8
    assert record.hidden_size == record.declared("n_embd") == 8


def test_misspelt_keywords_are_refused_with_the_near_miss() -> None:
    with pytest.raises(ConfigError, match="no field 'hiden_size'. Did you mean 'hidden_size'"):
        Derived(hiden_size=3)
    with pytest.raises(ConfigError, match="hidden_size"):
        Derived.from_dict({}, hidden_sze=3)
    with pytest.raises(ConfigError, match="hidden_size"):
        Derived().update({"hidden_siz": 3})


def test_unknown_values_of_a_file_survive() -> None:
    record = Derived.from_dict({"hiden_size": 3, "quite_new": {"a": 1}})
    assert Derived.from_dict(record.to_dict()).to_dict() == record.to_dict()
    assert record.quite_new == {"a": 1}
    assert record.hidden_size == 4


def test_overrides_beat_the_file_in_every_spelling() -> None:
    assert Derived.from_dict({"n_embd": 5}, hidden_size=9).hidden_size == 9
    assert Derived.from_dict({"hidden_size": 5}, n_embd=9).hidden_size == 9


def test_values_are_copied_and_defaults_not_shared() -> None:
    given = ["a"]
    record = Derived(names=given)
    record.names.append("b")
    assert given == ["a"]
    assert Derived().names is not Derived().names


def test_plain_json_values_and_differences() -> None:
    record = Derived(dtype=torch.float16)
    assert record.to_dict()["dtype"] == "float16"
    assert record.to_diff_dict() == {"dtype": "float16"}


def test_what_is_shown_is_what_is_said() -> None:
    record = Derived(hidden_size=3)
    shown = json.loads(repr(record).removeprefix("Derived "))
    assert shown["hidden_size"] == 3
    assert None not in shown.values()
    assert json.loads(record.to_json_string()) == shown
    assert json.loads(record.to_json_string(use_diff=False)) == record.to_dict()


def test_copies_are_equal() -> None:
    record = Derived(hidden_size=3, unheard_of=1)
    assert copy.deepcopy(record) == record
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301
    assert record != Derived()


def test_unknown_attributes_raise() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = Derived().nothing


class Renamed(Base):
    """A subclass whose files spell an inherited field otherwise."""

    attribute_map = {"hidden_size": "d_model"}

    d_model: int = 4


def test_an_inherited_field_that_a_subclass_renames_is_its_field_no_more() -> None:
    record = Renamed(hidden_size=6)
    assert (record.d_model, record.hidden_size) == (6, 6)
    assert Renamed().hidden_size == Renamed(n_embd=4).d_model == 4
    record.hidden_size = 8
    assert record.d_model == 8
    assert "hidden_size" not in record.to_dict()
    assert "hidden_size" in Base().to_dict()


class Placed(PlacedRecord):
    width: int = 1
    depth: int = 2


def test_values_by_place():
    assert Placed(3).to_dict() == {"width": 3, "depth": 2}
    assert Placed(3, depth=5) == Placed(3, 5)
    with pytest.raises(ConfigError, match=r"Placed got 3 values by place for 2 fields \(width, depth\)"):
        Placed(1, 2, 3)
    with pytest.raises(ConfigError, match="Placed got 1 values by place and width by name too"):
        Placed(1, width=2)

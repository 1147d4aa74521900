"""The keywords and classes that checkers are told of are those that there are."""

import importlib
import pkgutil
from dataclasses import fields

import pytest

from bestiary import auto
from bestiary.hub.options import HubKeywords, HubOptions
from bestiary.modeling import base, heads
from bestiary.modeling.opening import OpenKeywords, OpenOptions

OPENERS = {name: kind for name, kind in vars(auto).items() if name.startswith(("AutoModel", "AutoBackbone"))}
MODULES = [importlib.import_module(f"{heads.__name__}.{each.name}") for each in pkgutil.iter_modules(heads.__path__)]


@pytest.mark.parametrize(("options", "keywords"), [(HubOptions, HubKeywords), (OpenOptions, OpenKeywords)])
def test_every_option_is_a_keyword(options, keywords):
    assert {field.name for field in fields(options)} <= keywords.__annotations__.keys()


def test_every_keyword_of_the_hub_is_taken():
    options, rest = HubOptions.split(dict.fromkeys(HubKeywords.__annotations__))
    assert options == HubOptions()
    assert not rest


@pytest.mark.parametrize("name", OPENERS)
def test_an_auto_class_opens_what_it_is_said_to(name):
    declared = OPENERS[name].__orig_bases__[0].__args__[0].__forward_arg__
    kind = next(vars(module)[declared] for module in (base, *MODULES) if declared in vars(module))
    for family in auto.families():
        module = auto.family(family)
        chosen = next((module.TASKS[task] for task in OPENERS[name].tasks if task in module.TASKS), None)
        # HGNet V2 has no model that a head could stand on; what its classifier takes and gives is the same.
        assert chosen in (None, "HGNetV2ForImageClassification") or issubclass(getattr(module, chosen), kind), chosen

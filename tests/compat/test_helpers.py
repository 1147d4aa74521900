"""The small functions that scripts ask what is installed, beside those of the published library."""

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers.utils
from huggingface_hub import constants

from bestiary.compat import helpers
from bestiary.core.logging import BestiaryWarning, forget_warnings


@pytest.mark.parametrize(
    "name", ["is_torch_cuda_available", "is_torch_mps_available", "is_torch_available", "is_vision_available"]
)
def test_what_is_there_as_published(name: str) -> None:
    assert getattr(helpers, name)() == getattr(transformers.utils, name)()


def test_devices_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=there: there)
        assert helpers.is_torch_cuda_available() is helpers.is_torch_mps_available() is there


def test_other_frameworks_are_never_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorflow", "flax", "jax"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert not helpers.is_flax_available()
    assert not helpers.is_tf_available()


@pytest.mark.parametrize("value", ["1", "0", "yes", None])
def test_offline_as_the_hubs_client_reads_it(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "BESTIARY_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    if value is not None:
        monkeypatch.setenv("HF_HUB_OFFLINE", value)
    try:
        theirs = importlib.reload(constants).HF_HUB_OFFLINE
        assert helpers.is_offline_mode() == theirs
    finally:
        monkeypatch.undo()
        importlib.reload(constants)


def test_a_later_release_is_asked_for() -> None:
    forget_warnings()
    for met in ("4.0.0", "5.23.0", "5.1.0.dev0"):
        helpers.check_min_version(met)
    with pytest.warns(BestiaryWarning, match="asks for release 99.1.0; the behaviour here is that of 5"):
        helpers.check_min_version("99.1.0")
    refused: Any = transformers.utils.check_min_version
    with pytest.raises(ImportError):
        refused("99.1.0")

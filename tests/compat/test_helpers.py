"""The small functions that scripts ask what is installed, beside those of the published library."""

import importlib
import inspect
import sys
import warnings
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers.utils
from huggingface_hub import constants

from bestiary.compat import helpers

# Questions about parts of packages that nothing here calls: not there.
ELSEWHERE = {
    "is_cuda_stream_capturing",
    "is_flash_attn_kernel_fallback_available",
    "is_jax_jitting",
    "is_quanto_greater",
    "is_sudachi_projection_available",
    "is_torch_tensorrt_fx_available",
    "is_torchcodec_usable",
    "is_xpu_stream_capturing",
}


@pytest.mark.parametrize(
    "name", ["is_torch_cuda_available", "is_torch_mps_available", "is_torch_available", "is_vision_available"]
)
def test_what_is_there_as_published(name: str) -> None:
    assert getattr(helpers, name)() == getattr(transformers.utils, name)()


ASKED = [
    name
    for home in (transformers, transformers.utils.import_utils)
    for name in dir(home)
    if name.startswith("is_") and name not in ELSEWHERE
]


@pytest.mark.parametrize("name", sorted(set(ASKED)))
def test_every_published_question(name: str) -> None:
    """Each is there; those that need no argument get the same answer."""
    published = getattr(transformers.utils.import_utils, name, None) or getattr(transformers, name)
    ours = getattr(helpers, name)
    assert name in dir(helpers)
    required = [each for each in inspect.signature(published).parameters.values() if each.default is each.empty]
    if not required:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some are deprecated
            told = published()
        assert ours() == (told[0] if isinstance(told, tuple) else told)


@pytest.mark.parametrize("name", ["torch", "huggingface_hub", "peft", "torchvision"])
@pytest.mark.parametrize("version", ["0.0.1", "2.1", "99"])
def test_versions(name: str, version: str) -> None:
    question = f"is_{name}_greater_or_equal"
    assert getattr(helpers, question)(version) == getattr(transformers.utils.import_utils, question)(version)
    assert helpers.is_torch_less_or_equal(version) == transformers.utils.import_utils.is_torch_less_or_equal(version)
    assert helpers.is_scipy_available(version) == (version == "0.0.1")  # scipy counts from 1


def test_devices_that_compute_in_half() -> None:
    for name in ("is_torch_bf16_available_on_device", "is_torch_fp16_available_on_device"):
        for device in ("cpu", "cuda"):
            assert getattr(helpers, name)(device) == getattr(transformers.utils.import_utils, name)(device)
    assert helpers.get_device_type("cuda:1") == transformers.utils.import_utils.get_device_type("cuda:1") == "cuda"
    assert helpers.get_device_type() == transformers.utils.import_utils.get_device_type()


def test_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("1", "true", "ON", "0", "No", "maybe"):
        monkeypatch.setenv("SWITCH", value)
        for name in ("is_env_variable_true", "is_env_variable_false"):
            assert getattr(helpers, name)("SWITCH") == getattr(transformers.utils.import_utils, name)("SWITCH")


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


@pytest.mark.parametrize("version", ["4.0.0", "5.23.0", "5.1.0.dev0", "5.23", "5.23.0.dev0", "5.23.1", "5.24.0.dev0", "99"])
def test_a_later_release_is_asked_for(version: str) -> None:
    published: Any = transformers.utils.check_min_version
    try:
        published(version)
    except ImportError:
        with pytest.raises(ImportError, match="is that of 5.23"):
            helpers.check_min_version(version)
    else:
        helpers.check_min_version(version)

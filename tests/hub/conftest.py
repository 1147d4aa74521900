"""A stand-in hub and a client that is pointed at it, with a cache of its own."""

import time
from collections.abc import Iterator

import pytest
from huggingface_hub import constants
from kit.stand_in_hub import StandInHub, stand_in_hub


@pytest.fixture
def hub(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """The server; the client talks to it, waits for nothing and keeps its files in the test's folder."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "BESTIARY_OFFLINE", "TRANSFORMERS_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with stand_in_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix("https://huggingface.co")
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the stand-in speaks the plain large-file protocol
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        yield server

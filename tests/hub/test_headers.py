"""Headers of weights are read from the hub alone, by ranges; the weights stay where they are."""

import pytest
from kit import checkpoints

import bestiary
from bestiary.core.errors import CorruptFile, FileMissing
from bestiary.hub.files import HubOptions
from bestiary.loading.headers import read_headers


def test_headers_on_the_hub_without_the_weights(hub, tmp_path):
    folder = checkpoints.llama()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.add("some/model", files)
    found = read_headers("some/model")
    local = read_headers(folder)
    assert {key: (info.dtype, info.shape, info.nbytes) for key, info in found.items()} == {
        key: (info.dtype, info.shape, info.nbytes) for key, info in local.items()
    }
    assert not list(tmp_path.rglob("*.safetensors"))
    bestiary.AutoModelForCausalLM.from_pretrained("some/model")
    before = len(hub.requests)
    read_headers("some/model", HubOptions(local_files_only=True))
    assert len(hub.requests) == before
    hub.add("some/other", {"config.json": files["config.json"]})
    with pytest.raises(FileMissing, match=r"has no model.safetensors"):
        read_headers("some/other")
    hub.add("some/broken", {"model.safetensors": b"\xff" * 64})
    with pytest.raises(CorruptFile, match="no readable header"):
        read_headers("some/broken")

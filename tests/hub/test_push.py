"""Uploads against the real client and a stand-in hub, read back by name."""

from typing import ClassVar

import huggingface_hub
import pytest
import torch
from kit import checkpoints

from bestiary import AutoModelForCausalLM, AutoTokenizer
from bestiary.core.errors import ArgumentError, FileMissing, HubError
from bestiary.core.logging import BestiaryWarning
from bestiary.hub.files import HubOptions, get_file
from bestiary.hub.pretrained import PretrainedRecord
from bestiary.hub.push import push_folder


class Settings(PretrainedRecord):
    """A record to upload."""

    file_name: ClassVar[str] = "settings.json"
    depth: int = 2
    dtype: str | None = None


@pytest.fixture
def logged_in(hub, monkeypatch):
    """A client with a good token, and no other place to get one from."""
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    return hub


def test_push_then_open_by_name(logged_in):
    address = Settings(depth=5).push_to_hub("tiny", commit_message="first", private=True)
    repo = logged_in.repos["alice/tiny"]
    assert address.startswith(f"{logged_in.url}/alice/tiny/commit/")
    assert repo.private
    assert repo.messages[-1] == "first"
    assert Settings.from_pretrained("alice/tiny").depth == 5
    assert set(repo.commits[repo.refs["main"]]) == {".gitattributes", "README.md", "settings.json"}


def test_the_card_has_a_header_the_hub_can_read_and_is_never_replaced(logged_in):
    Settings().push_to_hub("alice/tiny", tags=["yes: a tag", "code"])
    card = get_file("alice/tiny", "README.md").read_text()
    data = huggingface_hub.ModelCard(card, ignore_metadata_errors=False).data.to_dict()
    assert data == {"library_name": "transformers", "tags": ["yes: a tag", "code"]}
    repo = logged_in.repos["alice/tiny"]
    repo.commit({**repo.commits[repo.refs["main"]], "README.md": b"mine"})
    Settings(depth=3).push_to_hub("alice/tiny")
    assert repo.commits[repo.refs["main"]]["README.md"] == b"mine"


@pytest.mark.filterwarnings("ignore:Use 'content=")  # the client's own way to send bytes
def test_files_of_others_stay_and_superseded_ones_go(logged_in, tmp_path):
    def push(*names: str, **kwargs):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(name.encode() * 100)
        push_folder(folder, "alice/tiny", **kwargs)

    push("vocab.txt", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    push("config.json", "model.safetensors", supersedes=("model*.safetensors",))
    repo = logged_in.repos["alice/tiny"]
    files = repo.commits[repo.refs["main"]]
    assert set(files) == {".gitattributes", "vocab.txt", "config.json", "model.safetensors"}
    assert files["model.safetensors"] == b"model.safetensors" * 100


def test_branch_and_pull_request(logged_in):
    Settings(depth=1).push_to_hub("alice/tiny")
    Settings(depth=2).push_to_hub("alice/tiny", revision="dev")
    address = Settings(depth=3).push_to_hub("alice/tiny", create_pr=True, commit_description="why")
    assert address == f"{logged_in.url}/alice/tiny/discussions/1"
    assert Settings.from_pretrained("alice/tiny").depth == 1
    assert Settings.from_pretrained("alice/tiny", revision="dev").depth == 2
    assert Settings.from_pretrained("alice/tiny", revision="refs/pr/1").depth == 3


def test_save_and_push_in_one_call(logged_in, tmp_path):
    Settings(depth=7).save_pretrained(tmp_path / "named", push_to_hub=True)
    assert Settings.from_pretrained("alice/named", token="hf_good").depth == 7
    with pytest.raises(ArgumentError, match="'repo_idd'"):
        Settings().save_pretrained(tmp_path, repo_idd="x")


def test_refusals(hub, monkeypatch):
    with pytest.raises(HubError, match="HTTP 401"):
        Settings().push_to_hub("tiny", token="hf_bad")
    with pytest.raises(HubError, match="HTTP 403"):
        Settings().push_to_hub("bob/tiny", token="hf_good")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    calls = len(hub.requests)
    with pytest.raises(HubError, match="switched off"):
        Settings().push_to_hub("tiny", token="hf_good")
    with pytest.raises(FileMissing):
        get_file("alice/tiny", "settings.json", HubOptions())
    assert len(hub.requests) == calls


def test_a_model_and_its_tokenizer_live_in_one_repository(logged_in):
    folder = checkpoints.llama()
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model.push_to_hub("tiny-llama")
    tokenizer.push_to_hub("tiny-llama")
    again = AutoModelForCausalLM.from_pretrained("alice/tiny-llama", revision="main")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    ids = AutoTokenizer.from_pretrained("alice/tiny-llama")("the time")["input_ids"]
    assert ids == tokenizer("the time")["input_ids"]


def test_saving_a_model_can_push_it(logged_in, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(checkpoints.llama())
    model.save_pretrained(tmp_path / "mine", push_to_hub=True, repo_id="alice/pushed")
    assert "model.safetensors" in logged_in.repos["alice/pushed"].commits[logged_in.repos["alice/pushed"].refs["main"]]
    with pytest.warns(BestiaryWarning, match="repo_id of save_pretrained say"):  # as published: saved, not uploaded
        model.save_pretrained(tmp_path / "kept", repo_id="alice/other")
    assert "alice/other" not in logged_in.repos
    assert (tmp_path / "kept" / "model.safetensors").is_file()

"""Files by name against the real client and a stand-in hub."""

import json
import socket
import time
import traceback

import pytest
from huggingface_hub import constants

from bestiary import AutoConfig
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing, HubError, UnsafeFile
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.hub.files import HubOptions, find_file, get_file, get_files, pinned
from bestiary.hub.options import cache_folder
from bestiary.hub.snapshot import list_files, snapshot

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "sub/vocab.txt": b"a\nb\n"}


def test_a_file_is_fetched_once_and_then_comes_from_the_cache(hub):
    hub.add("org/tiny", FILES)
    for name, content in FILES.items():
        assert get_file("org/tiny", name).read_bytes() == content
    before = [request for request in hub.requests if request.startswith("GET")]
    for name, content in FILES.items():
        assert get_file("org/tiny", name).read_bytes() == content
    assert [request for request in hub.requests if request.startswith("GET")] == before


def test_subfolder_and_absent_files(hub):
    hub.add("org/tiny", FILES)
    assert get_file("org/tiny", "vocab.txt", HubOptions(subfolder="sub")).read_bytes() == b"a\nb\n"
    assert find_file("org/tiny", "nothing.json") is None
    with pytest.raises(FileMissing, match=r"no nothing.json in 'org/tiny' on the hub"):
        get_file("org/tiny", "nothing.json")
    with pytest.raises(FileMissing, match=r"2 of 3 files are missing \(x.bin, y.bin\) in 'org/tiny'"):
        get_files("org/tiny", ["x.bin", "config.json", "y.bin"])
    with pytest.raises(UnsafeFile, match="outside"):
        find_file("org/tiny", "../config.json")


def test_branch_tag_commit_and_short_commit(hub):
    repo = hub.add("org/tiny", {"config.json": b'{"v": 1}'})
    first = repo.refs["main"]
    repo.refs["v1"] = first
    second = repo.commit({"config.json": b'{"v": 2}'})
    repo.refs["dev"] = second
    for revision, version in ((None, 2), ("v1", 1), (first, 1), (first[:8], 1), ("dev", 2)):
        path = get_file("org/tiny", "config.json", HubOptions(revision=revision))
        assert json.loads(path.read_text()) == {"v": version}, revision
    with pytest.raises(FileMissing, match="'v9' is not a valid git identifier"):
        get_file("org/tiny", "config.json", HubOptions(revision="v9"))


def test_files_of_one_checkpoint_come_from_one_commit(hub):
    repo = hub.add("org/tiny", {"index": b"1", "shard": b"1"})
    index = get_file("org/tiny", "index")
    repo.commit({"index": b"2", "shard": b"2"})
    assert get_file("org/tiny", "shard", pinned(HubOptions(), index)).read_bytes() == b"1"
    assert get_file("org/tiny", "shard").read_bytes() == b"2"


def test_a_connection_cut_in_the_middle_is_resumed(hub):
    hub.add("org/tiny", FILES)
    hub.cut["model.safetensors"] = 2
    assert get_file("org/tiny", "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert hub.requests.count(next(r for r in hub.requests if r.startswith("GET /cdn"))) == 3


def test_a_connection_that_always_breaks_leaves_nothing_behind(hub, tmp_path):
    hub.add("org/tiny", {"model.safetensors": b"x"})
    hub.cut["model.safetensors"] = 1000
    with pytest.raises(HubError, match=r"model.safetensors of 'org/tiny' could not be transferred"):
        get_file("org/tiny", "model.safetensors")
    assert not list((tmp_path / "cache").rglob("snapshots/*/*"))
    hub.cut.clear()
    assert get_file("org/tiny", "model.safetensors").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_content_that_is_not_what_was_announced_is_thrown_away(hub, name):
    hub.add("org/tiny", FILES)
    hub.wrong.add(name)
    with pytest.raises(CorruptFile, match="arrived with digest"):
        get_file("org/tiny", name)
    hub.wrong.clear()
    assert get_file("org/tiny", name).read_bytes() == FILES[name]


def test_private_gated_and_unknown(hub):
    hub.add("alice/own", FILES, private=True)
    hub.add("org/gated", FILES, gated=True)
    assert get_file("alice/own", "config.json", HubOptions(token="hf_good")).read_bytes() == b"{}"
    for name in ("org/nothing", "bob/private"):
        with pytest.raises(FileMissing, match="is not a local folder and is not a valid model identifier listed on"):
            get_file(name, "config.json")
    with pytest.raises(HubError, match="is a gated repo: ask for access"):
        get_file("org/gated", "config.json", HubOptions(token="hf_good"))
    with pytest.raises(HubError, match=r"HTTP 401.*token is missing, invalid"):
        get_file("org/gated", "config.json", HubOptions(token="hf_bad"))


def test_the_older_name_of_token(hub):
    hub.add("alice/own", {"config.json": b'{"model_type": "bert"}'}, private=True)
    forget_warnings()
    with pytest.warns(BestiaryWarning, match="use_auth_token= is now token="):
        assert AutoConfig.from_pretrained("alice/own", use_auth_token="hf_good").model_type == "bert"
    with pytest.raises(ArgumentError, match="say different things"):
        AutoConfig.from_pretrained("alice/own", use_auth_token="hf_good", token="hf_bad")


def test_a_hub_out_of_order(hub):
    hub.add("org/tiny", FILES)
    hub.broken = 500
    with pytest.raises(HubError, match="cannot be reached"):
        get_file("org/tiny", "config.json")
    hub.broken = 0
    get_file("org/tiny", "config.json")
    hub.broken = 500
    assert get_file("org/tiny", "config.json").read_bytes() == b"{}"  # the cached file serves


def test_offline_never_calls_out_even_with_half_a_checkpoint(hub, monkeypatch):
    hub.add("org/tiny", FILES)
    get_file("org/tiny", "config.json")
    calls = len(hub.requests)
    for options, variable, switch in (
        (HubOptions(local_files_only=True), "", "local_files_only=True"),
        (HubOptions(), "BESTIARY_OFFLINE", "BESTIARY_OFFLINE=yes"),
        (HubOptions(), "HF_HUB_OFFLINE", "HF_HUB_OFFLINE=yes"),
    ):
        if variable:
            monkeypatch.setenv(variable, "yes")
        assert get_file("org/tiny", "config.json", options).read_bytes() == b"{}"
        assert find_file("org/tiny", "model.safetensors", options) is None
        assert list_files("org/tiny", options) == ["config.json"]
        with pytest.raises(FileMissing, match=rf"network is switched off \({switch}\)"):
            get_file("org/tiny", "model.safetensors", options)
        with pytest.raises(FileMissing, match="not in the cache"):
            find_file("org/other", "config.json", options)
        with pytest.raises(ArgumentError, match="force_download"):
            get_file("org/tiny", "config.json", HubOptions(local_files_only=True, force_download=True))
    assert len(hub.requests) == calls


def test_paths_never_reach_the_network(hub, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert get_file(tmp_path, "config.json") == tmp_path / "config.json"
    for path in (tmp_path / "nowhere", "./nowhere", "../no/where", "/no/where", "~/nowhere", "a/b/c", "a\\b"):
        with pytest.raises(FileMissing, match="does not exist"):
            find_file(path, "config.json")
    with pytest.raises(FileMissing, match="is a file"):
        find_file(tmp_path / "config.json", "config.json")
    with pytest.raises(FileMissing, match="no path"):
        find_file("x" * 5000, "config.json")
    with pytest.raises(FileMissing, match="valid name"):
        find_file("a b", "config.json")
    for nothing in (None, "", 5, b"a", []):
        with pytest.raises(ArgumentError, match="expected the folder or the name of a checkpoint; found"):
            find_file(nothing, "config.json")
    assert hub.requests == []


@pytest.mark.parametrize("ask", [lambda: find_file("some/typo", "config.json"), lambda: list_files("some/typo")])
def test_a_hub_out_of_reach_is_told_after_one_call(hub, monkeypatch, caplog, ask):
    with socket.socket() as taken:  # a port where nobody listens
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(hub.url, endpoint)
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waits"))
        with pytest.raises(HubError, match=r"'some/typo' is no folder here.*cannot be reached.*HF_HUB_OFFLINE=1") as raised:
            ask()
        assert "we couldn't connect to" in str(raised.value)
        assert "The above exception" not in "".join(traceback.format_exception(raised.value))
    assert caplog.records == []


@pytest.mark.parametrize(
    "options",
    [{"subfolder": 5}, {"revision": 5}, {"token": 5}, {"local_files_only": "yes"}, {"force_download": 1}, {"repo_type": None}],
)
def test_options_of_the_wrong_kind(options):
    with pytest.raises(ArgumentError, match=f"{next(iter(options))} is .*; expected"):
        HubOptions(**options)


def test_home_is_found(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert get_file("~/model", "config.json") == tmp_path / "model" / "config.json"
    assert hub.requests == []


def test_whole_checkpoints(hub):
    hub.add("org/tiny", FILES)
    assert list_files("org/tiny") == sorted(FILES)
    assert list_files("org/tiny", HubOptions(subfolder="sub")) == ["vocab.txt"]
    folder = snapshot("org/tiny", patterns=["*.json", "sub/*"])
    assert list_files(folder) == ["config.json", "sub/vocab.txt"]
    with pytest.raises(FileMissing, match="no file that matches"):
        snapshot("org/tiny", patterns=["*.h5"])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "DEFAULT"),
        ({"TRANSFORMERS_CACHE": "/t"}, "/t"),
        ({"PYTORCH_TRANSFORMERS_CACHE": "/p"}, "/p"),
        ({"PYTORCH_PRETRAINED_BERT_CACHE": "/b"}, "/b"),
        ({"PYTORCH_TRANSFORMERS_CACHE": "/p", "TRANSFORMERS_CACHE": "/t"}, "/t"),
        ({"HUGGINGFACE_HUB_CACHE": "/h", "TRANSFORMERS_CACHE": "/t"}, "DEFAULT"),
    ],
)
def test_cache_folder(monkeypatch, variables, expected):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "DEFAULT")
    names = ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE", "HUGGINGFACE_HUB_CACHE")
    for name in (*names, "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected
    assert cache_folder(HubOptions(cache_dir="/c")) == "/c"


def test_a_config_by_name_asks_once(hub):
    hub.add("org/tiny", {"config.json": b'{"model_type": "bert", "hidden_size": 24}'})
    config, rest = AutoConfig.from_pretrained("org/tiny", num_attention_heads=4, return_unused_kwargs=True, other=1)
    assert (config.hidden_size, config.num_attention_heads, config.name_or_path, rest) == (24, 4, "org/tiny", {"other": 1})
    before = len(hub.requests)
    assert AutoConfig.from_pretrained("org/tiny").name_or_path == "org/tiny"
    assert hub.requests[before:] == ["HEAD /org/tiny/resolve/main/config.json"]

"""Code on the hub: of one commit, of another repository at the revision asked for, and uploaded along."""

import json
from pathlib import Path
from typing import Any

import pytest
from kit import remote_code

from bestiary import AutoConfig, BertConfig
from bestiary.core.errors import UnsafeFile

SETTINGS = {"model_type": "strange", "auto_map": {"AutoConfig": "configuration_strange.StrangeConfig"}}
CODE = {"configuration_strange.py": remote_code.CONFIG.encode(), "sizes_strange.py": b"WIDTH = 8\n"}


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote_code.keep_apart(monkeypatch, tmp_path)


def test_code_of_a_revision(hub: Any) -> None:
    repo = hub.add("org/strange", {"config.json": json.dumps(SETTINGS).encode(), **CODE})
    first = repo.refs["main"]
    repo.commit({**repo.commits[first], "sizes_strange.py": b"WIDTH = 4\n"})
    with pytest.raises(UnsafeFile, match=r"(?s)Read them \(https://hf.co/org/strange\).*code_digest='[0-9a-f]{64}'"):
        AutoConfig.from_pretrained("org/strange")
    widths = [
        AutoConfig.from_pretrained("org/strange", trust_remote_code=True, **options).hidden_size
        for options in ({}, {"revision": first}, {"code_revision": first})
    ]
    assert widths == [4, 8, 8]


def test_code_of_another_repository(hub: Any) -> None:
    settings = {**SETTINGS, "auto_map": {"AutoConfig": "org/code--configuration_strange.StrangeConfig"}}
    hub.add("org/weights", {"config.json": json.dumps(settings).encode()})
    code = hub.add("org/code", CODE)
    code.commit({**CODE, "sizes_strange.py": b"WIDTH = 2\n"}, branch="small")
    with pytest.raises(UnsafeFile, match=r"(?s)lies in another repository, org/code.*org/code--sizes_strange.py"):
        AutoConfig.from_pretrained("org/weights")
    for options, width in (({}, 8), ({"code_revision": "small"}, 2)):
        config = AutoConfig.from_pretrained("org/weights", trust_remote_code=True, **options)
        assert config.hidden_size == width
        assert type(config).__name__ == "StrangeConfig"


def test_it_is_uploaded_along(hub: Any, tmp_path: Path) -> None:
    hub.add("org/strange", {"config.json": json.dumps(SETTINGS).encode(), **CODE})
    config = AutoConfig.from_pretrained("org/strange", trust_remote_code=True)
    config.push_to_hub("alice/mine", token="hf_good")
    repo = hub.repos["alice/mine"]
    files = repo.commits[repo.refs["main"]]
    assert {name: files[name] for name in CODE} == CODE
    assert json.loads(files["config.json"])["auto_map"] == SETTINGS["auto_map"]
    again = AutoConfig.from_pretrained("alice/mine", trust_remote_code=True)
    assert type(again) is type(config)


def test_a_checkpoint_without_code_takes_the_keywords_of_it(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path)
    options: dict[str, Any] = {"trust_remote_code": True, "code_revision": "main", "code_digest": "0" * 64}
    automatic = AutoConfig.from_pretrained(tmp_path, **options).to_dict()
    assert automatic == {**BertConfig.from_pretrained(tmp_path, **options).to_dict(), "_name_or_path": str(tmp_path)}
    assert "trust_remote_code" not in BertConfig.from_pretrained(tmp_path, **options).to_dict()

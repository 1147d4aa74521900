"""Families in the files of a checkpoint: opened where the caller allows it, as the published library does, and saved along."""

import json
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit import remote_code
from torch.utils.data import DataLoader

import bestiary
from bestiary import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
)
from bestiary.core.errors import ArgumentError, UnknownArchitecture, UnsafeFile
from bestiary.hub.code.files import code_of
from bestiary.hub.options import HubOptions

IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])


@pytest.fixture(autouse=True)
def modules_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote_code.keep_apart(monkeypatch, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The strange family with weights."""
    remote_code.write(tmp_path / "strange")
    config = AutoConfig.from_pretrained(tmp_path / "strange", trust_remote_code=True)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, trust_remote_code=True).save_pretrained(tmp_path / "strange")
    return tmp_path / "strange"


def digest(folder: Path) -> str:
    return code_of(folder, HubOptions(), None).digest


def test_a_family_opens_and_computes_as_in_the_published_library(folder: Path) -> None:
    ours = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    assert isinstance(ours, bestiary.PreTrainedModel)
    assert type(ours).__name__ == type(theirs).__name__ == "StrangeForCausalLM"
    assert type(ours.config) is type(AutoConfig.from_pretrained(folder, trust_remote_code=True))
    for labels in (None, IDS):
        expected = theirs(IDS, labels=labels)
        torch.testing.assert_close(ours(IDS, labels=labels).to_tuple(), expected.to_tuple(), rtol=1e-5, atol=1e-5)
    plain = {"max_new_tokens": 5, "use_cache": False}
    assert ours.generate(IDS, **plain).tolist() == theirs.generate(IDS, **plain).tolist()
    base = AutoModel.from_pretrained(folder, trust_remote_code=True)
    assert torch.equal(base(IDS).last_hidden_state, ours.model(IDS).last_hidden_state)


def test_its_config_holds_what_its_own_constructor_sets(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({**remote_code.SETTINGS, "hidden_sise": 3, "use_cache": False}))
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True, vocab_size=30)
    assert (config.vocab_size, config.num_hidden_layers, config.hidden_sise, config.use_cache) == (30, 2, 3, False)
    pair = AutoConfig.from_pretrained(folder, trust_remote_code=True, return_unused_kwargs=True, strange=1)
    assert pair[1] == {"strange": 1}


@pytest.mark.parametrize("trust", [None, False])
@pytest.mark.parametrize("opener", [AutoConfig, AutoModel, AutoModelForCausalLM], ids=lambda opener: opener.__name__)
def test_nothing_runs_unasked(tmp_path: Path, opener: Any, trust: bool | None) -> None:
    remote_code.write(tmp_path / "x")
    (tmp_path / "x" / "configuration_strange.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UnsafeFile, match="contains custom code which must be executed") as raised:
        opener.from_pretrained(tmp_path / "x", trust_remote_code=trust, code_digest=digest(tmp_path / "x"))
    assert not (tmp_path / "ran").exists()
    lines = subprocess.run(["sha256sum", *sorted(remote_code.FILES)], cwd=tmp_path / "x", capture_output=True, text=True).stdout
    for line in lines.splitlines():
        assert f"  {line}\n" in str(raised.value)
    total = subprocess.run(["sha256sum"], input=lines, capture_output=True, text=True).stdout.split()[0]
    assert f"trust_remote_code=True, code_digest='{total}'" in str(raised.value)


def test_a_digest_pins_the_code(folder: Path) -> None:
    pinned = {"trust_remote_code": True, "code_digest": digest(folder)}
    AutoModelForCausalLM.from_pretrained(folder, **{**pinned, "code_digest": f"sha256:{digest(folder).upper()}"})
    model = AutoModelForCausalLM.from_pretrained(folder, **pinned)
    (folder / "blocks_strange.py").write_text(remote_code.BLOCK + "\nraise RuntimeError('ran')\n")
    with pytest.raises(UnsafeFile, match=f"has the digest {digest(folder)}, and code_digest= expects {pinned['code_digest']}"):
        AutoModelForCausalLM.from_pretrained(folder, **pinned)
    with pytest.raises(RuntimeError, match="ran"):
        AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    (folder / "blocks_strange.py").write_text(remote_code.BLOCK)
    assert type(AutoModelForCausalLM.from_pretrained(folder, **pinned)) is type(model)


@pytest.mark.parametrize("value", ["abc", 3, "g" * 64])
def test_what_is_no_digest_is_refused(folder: Path, value: Any) -> None:
    with pytest.raises(ArgumentError, match="code_digest is"):
        AutoModel.from_pretrained(folder, trust_remote_code=True, code_digest=value)


def test_a_family_that_is_here_needs_no_code(tmp_path: Path) -> None:
    config = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 8}
    BertModel(BertConfig(**config, intermediate_size=8)).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    table = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (tmp_path / "config.json").write_text(json.dumps({**values, "auto_map": table}))
    (tmp_path / "own.py").write_text(
        "from transformers import BertConfig, BertModel\nclass OwnConfig(BertConfig):\n    pass\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    for trust in (None, False):
        assert type(AutoModel.from_pretrained(tmp_path, trust_remote_code=trust)) is BertModel
    own = AutoModel.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(own).__name__ == "OwnModel"
    assert type(own.config).__name__ == "OwnConfig"
    assert type(AutoModel.from_pretrained(tmp_path)) is BertModel  # what was allowed once is not the rule


def test_what_is_saved_is_the_code_as_published(folder: Path, tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    written = model.save_pretrained(tmp_path / "again")
    assert {path.name for path in written} >= set(remote_code.FILES)
    assert digest(tmp_path / "again") == digest(folder)
    values = json.loads((tmp_path / "again" / "config.json").read_text())
    assert values["auto_map"] == remote_code.SETTINGS["auto_map"]
    assert "return_dict" not in values  # it would come to the constructor, which may set it itself
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again", trust_remote_code=True)
    assert type(again) is type(model)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "again", trust_remote_code=True)
    torch.testing.assert_close(theirs(IDS).logits, model(IDS).logits, rtol=1e-5, atol=1e-5)


def test_a_class_of_a_script_is_saved_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote_code.write(tmp_path / "package_of_mine")
    for file in (tmp_path / "package_of_mine").glob("*.py"):
        file.write_text(
            file.read_text().replace("transformers", "bestiary").replace("bestiary.modeling_utils", "bestiary.modeling.base")
        )
    model_code = tmp_path / "package_of_mine" / "modeling_strange.py"
    text = re.sub(
        "from bestiary.modeling_outputs.*",
        "from bestiary.core.outputs import BaseModelOutput, CausalLMOutput as CausalLMOutputWithPast",
        model_code.read_text(),
    )
    model_code.write_text(text.replace("from bestiary.utils import logging", "from bestiary import logging"))
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = __import__("package_of_mine.modeling_strange").modeling_strange
    mine.StrangeConfig.register_for_auto_class()
    mine.StrangeForCausalLM.register_for_auto_class("AutoModelForCausalLM")
    model = mine.StrangeForCausalLM(mine.StrangeConfig())
    model.save_pretrained(tmp_path / "saved")
    names = {path.name for path in (tmp_path / "saved").iterdir()}
    assert names == {*remote_code.FILES, "config.json", "model.safetensors", "generation_config.json"} & names | set(
        remote_code.FILES
    )
    table = json.loads((tmp_path / "saved" / "config.json").read_text())["auto_map"]
    assert table == {name: remote_code.SETTINGS["auto_map"][name] for name in ("AutoConfig", "AutoModelForCausalLM")}
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", trust_remote_code=True)
    assert torch.equal(again(IDS).logits, model.eval()(IDS).logits)


def test_a_class_of_a_console_is_told(tmp_path: Path) -> None:
    Mine = type("Mine", (BertConfig,), {"__module__": "__main__", "model_type": "mine"})
    Mine.register_for_auto_class()
    with pytest.warns(bestiary.BestiaryWarning, match="the code of Mine is not saved along, for it stands in __main__"):
        Mine().save_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "config.json").read_text())
    with pytest.raises(ArgumentError, match=r"'AutoModul' is no automatic class. Did you mean 'AutoModel'"):
        Mine.register_for_auto_class("AutoModul")


@pytest.mark.parametrize("kind", ["image", "sound"])
def test_preprocessors(tmp_path: Path, kind: str) -> None:
    remote_code.write(tmp_path / "x")
    remote_code.write_preprocessors(tmp_path / "x", kind)
    opener = {"image": AutoImageProcessor, "sound": AutoFeatureExtractor}[kind]
    for each in (AutoTokenizer, opener, bestiary.AutoProcessor):
        with pytest.raises(UnsafeFile, match="contains custom code which must be executed"):
            each.from_pretrained(tmp_path / "x")
    data = np.ones((3, 4), np.float32)
    ours = opener.from_pretrained(tmp_path / "x", trust_remote_code=True)
    theirs = getattr(transformers, opener.__name__).from_pretrained(tmp_path / "x", trust_remote_code=True)
    for key, value in theirs([data]).items():
        assert np.array_equal(ours([data])[key], value)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "x", trust_remote_code=True)
    assert tokenizer.shout("a b")["input_ids"] == [3, 4]
    ours.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    assert AutoTokenizer.from_pretrained(tmp_path / "again", trust_remote_code=True).shout("a b")["input_ids"] == [3, 4]
    again = opener.from_pretrained(tmp_path / "again", trust_remote_code=True)
    assert (type(again).__name__, again.factor) == (type(ours).__name__, 5)
    stored = json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())
    assert stored["auto_map"] == {"AutoTokenizer": [None, "tokenization_strange.StrangeTokenizerFast"]}


def test_a_processor_and_its_parts(tmp_path: Path) -> None:
    remote_code.write(tmp_path / "x")
    remote_code.write_preprocessors(tmp_path / "x", "image")
    table = {"AutoProcessor": "processing_strange.StrangeProcessor"}
    (tmp_path / "x" / "processor_config.json").write_text(
        json.dumps({"word": "b", "processor_class": "StrangeProcessor", "auto_map": table})
    )
    with pytest.raises(UnsafeFile, match="processing_strange.StrangeProcessor"):
        bestiary.AutoProcessor.from_pretrained(tmp_path / "x")
    processor: Any = bestiary.AutoProcessor.from_pretrained(tmp_path / "x", trust_remote_code=True)
    result = processor(images=[np.ones((2, 2))], text="a")
    assert result["input_ids"] == [4, 3]
    assert np.array_equal(result["pixel_values"][0], np.full((2, 2), 5))
    processor.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "processor_config.json").read_text())["auto_map"] == table
    again: Any = bestiary.AutoProcessor.from_pretrained(tmp_path / "again", trust_remote_code=True)
    assert again(images=[np.ones((2, 2))], text="a")["input_ids"] == [4, 3]


def test_a_tokenizer_that_is_here_needs_no_code_of_its_family(tmp_path: Path) -> None:
    remote_code.write(tmp_path)
    remote_code.write_tokenizer(tmp_path)
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is PreTrainedTokenizerFast


def test_pipelines(folder: Path) -> None:
    remote_code.write_tokenizer(folder)
    with pytest.raises(UnsafeFile, match="contains custom code"):
        bestiary.pipeline("text-generation", model=str(folder))
    pipe = bestiary.pipeline(
        "text-generation", model=str(folder), trust_remote_code=True, code_digest=digest(folder), max_new_tokens=3
    )
    assert type(pipe.model).__name__ == "StrangeForCausalLM"
    assert pipe("a b")[0]["generated_text"].startswith("a b")


def test_a_task_that_the_code_lacks_is_named(folder: Path) -> None:
    with pytest.raises(UnknownArchitecture, match="AutoModelForMaskedLM"):
        bestiary.AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True)


def test_objects_of_its_classes_reach_other_processes(folder: Path, tmp_path: Path) -> None:
    remote_code.write_preprocessors(folder, "image")
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    (tmp_path / "pickled").write_bytes(pickle.dumps((tokenizer, model)))
    code = (
        "import pickle, sys, torch\ntokenizer, model = pickle.load(open(sys.argv[1], 'rb'))\n"
        "logits = model(torch.tensor([[1, 2]])).logits\n"
        "print(tokenizer.shout('a')['input_ids'], logits.shape[-1], 'transformers' in sys.modules)"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "pickled")]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ})
    assert done.stdout.split() == ["[3]", "20", "False"], done.stderr
    kept = next((tmp_path / "modules").rglob("tokenization_strange.py"))
    kept.write_text(kept.read_text() + "print('changed')\n")
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ})
    assert done.returncode
    assert "has changed since" in done.stderr
    assert "changed" not in done.stdout


def test_workers_of_a_data_loader_that_start_afresh(folder: Path) -> None:
    remote_code.write_preprocessors(folder, "image")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    loader = DataLoader(
        ["a b", "b"], batch_size=None, num_workers=1, multiprocessing_context="spawn", collate_fn=tokenizer.shout
    )
    assert [row["input_ids"] for row in loader] == [[3, 4], [4]]


def test_threads_that_open_at_once_get_one_class(tmp_path: Path) -> None:
    remote_code.write(tmp_path / "x")
    (tmp_path / "x" / "sizes_strange.py").write_text("import time\ntime.sleep(0.2)\nWIDTH = 8  # of threads\n")
    kinds: list[Any] = []
    threads = [
        threading.Thread(target=lambda: kinds.append(type(AutoConfig.from_pretrained(tmp_path / "x", trust_remote_code=True))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kinds) == 4
    assert len(set(kinds)) == 1


def test_two_checkpoints_with_files_of_the_same_names(folder: Path, tmp_path: Path) -> None:
    remote_code.write(tmp_path / "other")
    (tmp_path / "other" / "sizes_strange.py").write_text("WIDTH = 4\n")
    one = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    (tmp_path / "other" / "config.json").write_text(
        json.dumps({name: value for name, value in remote_code.SETTINGS.items() if name != "hidden_size"})
    )
    other = AutoConfig.from_pretrained(tmp_path / "other", trust_remote_code=True)
    assert (one.hidden_size, other.hidden_size) == (8, 4)
    assert type(one) is not type(other)


def test_a_registered_class_goes_before_code(folder: Path) -> None:
    class Mine(bestiary.PreTrainedConfig):
        model_type = "strange"

    from bestiary.modeling.families import registered

    AutoConfig.register("strange", Mine)
    try:
        assert type(AutoConfig.from_pretrained(folder, trust_remote_code=True)) is Mine
    finally:
        del registered["strange"]

"""Folders as checkpoints were published over the years, opened by `AutoTokenizer`, against the reference."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import SAMPLES

from bestiary import AutoConfig, AutoProcessor, AutoTokenizer, LlamaTokenizer
from bestiary.core.errors import ConfigError, CorruptFile, FileMissing, UnknownArchitecture
from bestiary.modeling.families import families
from bestiary.modeling.families import family as family_of

FAMILIES = {name: name for name in ("bert", "gpt2", "t5", "clip", "llama")}


def published(source: Path, target: Path, model_type: str, config: Any = None, tokens: Any = None) -> Path:
    """A copy of a vocabulary, with the files beside it that say what it is."""
    shutil.copytree(source, target)
    (target / "config.json").write_text(json.dumps({"model_type": model_type}))
    for name, values in (("tokenizer_config.json", config), ("special_tokens_map.json", tokens)):
        (target / name).unlink(missing_ok=True)
        if values is not None:
            (target / name).write_text(json.dumps(values))
    return target


def stored(content: str, **more: Any) -> dict[str, Any]:
    """A token as files of 2021 to 2023 hold it."""
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": True, **more}


def same(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.padding_side == theirs.padding_side
    for text in SAMPLES:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]


def test_every_family_with_a_tokenizer_names_it() -> None:
    for name in families():
        module = family_of(name)
        if (Path(str(module.__file__)).parent / "tokenizer.py").is_file():
            assert vars(module)["PREPROCESSORS"]["tokenizer"].endswith("Tokenizer"), name


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5", "clip"])
def test_a_vocabulary_and_a_config_are_enough(folder: Callable[[str], Path], tmp_path: Path, kind: str) -> None:
    path = published(folder(kind), tmp_path / kind, FAMILIES[kind])
    same(AutoTokenizer.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path))


ENDS = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
WITH_OBJECTS: dict[str, dict[str, str]] = {
    "clip": ENDS,
    "t5": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"},
    "bert": {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")},
    "gpt2": dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"),
    "llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
}


@pytest.mark.filterwarnings("ignore:a text begins with")
@pytest.mark.parametrize("kind", WITH_OBJECTS)
def test_tokens_stored_as_objects(folder: Callable[[str], Path], tmp_path: Path, kind: str) -> None:
    name = {"clip": "CLIP", "t5": "T5", "bert": "Bert", "gpt2": "GPT2", "llama": "Llama"}[kind] + "Tokenizer"
    roles = {role: stored(token, __type="AddedToken") for role, token in WITH_OBJECTS[kind].items()}
    path = published(folder(kind), tmp_path / kind, FAMILIES[kind], {**roles, "tokenizer_class": name})
    same(AutoTokenizer.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path))


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize(
    ("config", "tokens"),
    [({"pad_token": None}, "the"), ({"pad_token": "[PAD]"}, "the"), ({}, "the"), ({"pad_token": "[PAD]"}, None)],
)
def test_the_map_of_special_tokens_goes_first_in_old_folders(
    folder: Callable[[str], Path], tmp_path: Path, config: Any, tokens: Any, decoder: bool
) -> None:
    more = {"added_tokens_decoder": {"0": stored("[PAD]", special=True, normalized=False)}} if decoder else {}
    path = published(folder("bert"), tmp_path / "a", "bert", {**config, **more}, {"pad_token": tokens})
    if decoder and not config:
        return  # newer folders hold every role in the config; what stands in the map alone is taken here, and not there
    same(AutoTokenizer.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path))


def llama3(folder: Callable[[str], Path], target: Path, **config: Any) -> Path:
    roles = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    return published(folder("llama3"), target, "llama", {**roles, **config})


def test_a_general_class_with_a_whole_tokenizer_is_taken_as_it_is(folder: Callable[[str], Path], tmp_path: Path) -> None:
    path = llama3(folder, tmp_path / "a", tokenizer_class="PreTrainedTokenizerFast")
    same(AutoTokenizer.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path))


def test_a_whole_tokenizer_gets_no_tokens_of_its_family(folder: Callable[[str], Path], tmp_path: Path) -> None:
    path = llama3(folder, tmp_path / "a", tokenizer_class="LlamaTokenizer")
    for ours in (AutoTokenizer.from_pretrained(path), LlamaTokenizer.from_pretrained(path)):
        theirs = transformers.AutoTokenizer.from_pretrained(path)
        assert len(ours) == len(theirs)
        assert ours.special_tokens_map == theirs.special_tokens_map
    assert LlamaTokenizer.from_pretrained(path, unk_token="<unk>").unk_token_id == len(theirs)


@pytest.mark.parametrize("name", ["tokenizer.model", "tiktoken.model"])
def test_tiktoken_ranks_in_a_folder_inside(folder: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    inner = tmp_path / "original"
    inner.mkdir()
    shutil.copy(folder("tiktoken") / "tokenizer.model", inner / name)
    alone = AutoTokenizer.from_pretrained(tmp_path, subfolder="original")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    ours = AutoTokenizer.from_pretrained(tmp_path, subfolder="original")
    assert type(ours) is LlamaTokenizer
    theirs = transformers.AutoTokenizer.from_pretrained(folder("tiktoken"))
    for text in SAMPLES:
        assert ours(text)["input_ids"] == alone(text)["input_ids"] == theirs(text)["input_ids"]


@pytest.mark.parametrize("config", [{"model_type": "qwen9"}, {}, {"architectures": ["NoSuchModel"]}], ids=str)
def test_a_whole_tokenizer_of_an_unknown_model(folder: Callable[[str], Path], tmp_path: Path, config: dict[str, Any]) -> None:
    path = published(folder("llama3"), tmp_path / "a", "x", {"tokenizer_class": "Qwen9Tokenizer"})
    (path / "config.json").write_text(json.dumps(config))
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(path)
    for auto in (AutoTokenizer, AutoProcessor):
        assert auto.from_pretrained(path)("Hello you")["input_ids"] == theirs("Hello you")["input_ids"]
    (path / "tokenizer.json").unlink()
    with pytest.raises((ConfigError, UnknownArchitecture), match="model_type"):
        AutoTokenizer.from_pretrained(path)


def test_files_of_2019_name_only_the_class(folder: Callable[[str], Path], tmp_path: Path) -> None:
    path = published(folder("bert"), tmp_path / "a", "x")
    (path / "config.json").write_text(json.dumps({"architectures": ["BertForMaskedLM"], "hidden_size": 24}))
    config = AutoConfig.from_pretrained(path)
    assert (config.model_type, config.hidden_size) == ("bert", 24)
    assert AutoTokenizer.from_pretrained(path).tokenize("the fox") == ["the", "fox"]
    for named in (None, [], ["NoSuchModel"], "BertModel", [5]):
        (path / "config.json").write_text(json.dumps({"architectures": named}))
        with pytest.raises(ConfigError, match="names no model_type.*BertModel"):
            AutoConfig.from_pretrained(path)
    for said, kind in ((["bert"], "list"), (5, "int")):
        (path / "config.json").write_text(json.dumps({"model_type": said, "architectures": ["BertModel"]}))
        with pytest.raises(ConfigError, match=rf"model_type is .* \({kind}\); expected text"):
            AutoConfig.from_pretrained(path)


@pytest.mark.parametrize("kind", ["gpt2", "clip"])
def test_half_of_a_vocabulary_is_named(folder: Callable[[str], Path], tmp_path: Path, kind: str) -> None:
    path = published(folder(kind), tmp_path / kind, kind)
    (path / "vocab.json").write_text('["a"]')
    with pytest.raises(CorruptFile, match=r"/vocab.json does not map tokens to ids; it holds \['a'\]"):
        AutoTokenizer.from_pretrained(path)
    (path / "vocab.json").unlink()
    with pytest.raises(FileMissing, match=r"has merges.txt without the vocabulary that belongs to it, vocab.json"):
        AutoTokenizer.from_pretrained(path)

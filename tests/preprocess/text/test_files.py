"""What is saved is opened by the reference, and the other way round; old layouts; files that are broken or hostile."""

import copy
import json
import math
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import SAMPLES, byte_level, wordpiece
from tokenizers import Tokenizer, models

from bestiary.core.errors import ArgumentError, BestiaryError, CorruptFile, FileMissing, InputError, UnsafeFile
from bestiary.models.bert.tokenizer import BertTokenizer
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

ROLES = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}\n"


def make() -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=wordpiece(),
        **ROLES,
        extra_special_tokens={"image_token": "<image>"},
        model_max_length=77,
        padding_side="left",
        truncation_side="left",
        chat_template=TEMPLATE,
        some_option=3,
    )
    tokenizer.add_tokens(["abc"])
    tokenizer.add_special_tokens({"extra_special_tokens": ["<x>"]})
    return tokenizer


def same(ours: Any, theirs: Any) -> None:
    for name in ("special_tokens_map", "extra_special_tokens", "chat_template", "model_max_length", "padding_side"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.truncation_side == theirs.truncation_side
    assert ours.get_vocab() == theirs.get_vocab()
    for text in [*SAMPLES, "a<image> abc<x>"]:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]


def test_ours_opened_by_both(tmp_path: Path) -> None:
    ours = make()
    written = ours.save_pretrained(tmp_path)
    assert sorted(Path(path).name for path in written) == ["chat_template.jinja", "tokenizer.json", "tokenizer_config.json"]
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    same(ours, again)
    assert again.image_token_id == ours.image_token_id
    assert again.init_kwargs["some_option"] == 3
    same(again, transformers.AutoTokenizer.from_pretrained(tmp_path))


def test_saving_twice_writes_the_same(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path / "a")
    PreTrainedTokenizerFast.from_pretrained(tmp_path / "a").save_pretrained(tmp_path / "b")
    for file in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("template", [TEMPLATE, {"default": "a", "rag": "b\n"}])
def test_theirs_opened_by_us(tmp_path: Path, template: Any, separate: bool) -> None:
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=wordpiece(), **ROLES, extra_special_tokens={"image_token": "<image>"}, padding_side="left"
    )
    theirs.chat_template = template
    theirs.add_tokens(["abc"])
    theirs.save_pretrained(tmp_path, save_jinja_files=separate)
    same(PreTrainedTokenizerFast.from_pretrained(tmp_path), theirs)


@pytest.mark.parametrize("separate", [True, False])
def test_named_templates_survive(tmp_path: Path, separate: bool) -> None:
    ours = make()
    ours.chat_template = {"default": "a", "rag": "b\n"}
    ours.save_pretrained(tmp_path, save_jinja_files=separate)
    assert PreTrainedTokenizerFast.from_pretrained(tmp_path).chat_template == ours.chat_template
    assert transformers.AutoTokenizer.from_pretrained(tmp_path).chat_template == ours.chat_template


def test_layout_of_older_releases(tmp_path: Path) -> None:
    rust = byte_level()
    rust.model.save(str(tmp_path))
    size = rust.get_vocab_size()
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<b>": size + 1, "<a>": size}))
    stored = {"content": "<|endoftext|>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "<a>", "eos_token": stored}))
    added = {str(size + 1): {**stored, "content": "<b>", "lstrip": True, "special": True}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added, "model_max_length": 9}))
    from bestiary.models.gpt2.tokenizer import GPT2Tokenizer

    ours = GPT2Tokenizer.from_pretrained(tmp_path)
    assert ours.convert_tokens_to_ids(["<a>", "<b>"]) == [size, size + 1]
    assert (ours.pad_token, ours.eos_token, ours.model_max_length) == ("<a>", "<|endoftext|>", 9)
    assert ours.added_tokens_decoder[size + 1].lstrip
    assert ours("x <b>")["input_ids"] == [*ours("x")["input_ids"], size + 1]


def test_overrides(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path)
    ours = PreTrainedTokenizerFast.from_pretrained(tmp_path, pad_token="the", padding_side="right", model_max_length=5)
    assert (ours.pad_token, ours.padding_side, ours.model_max_length) == ("the", "right", 5)


@pytest.mark.parametrize("name", ["padding_sid", "model_max_lenght", "do_lowercase", "add_bos_tokens", "chat_templat"])
def test_a_misspelt_option_is_named(tmp_path: Path, name: str) -> None:
    make().save_pretrained(tmp_path)
    with pytest.raises(ArgumentError, match=f"takes no option '{name}'. Did you mean"):
        BertTokenizer.from_pretrained(tmp_path, **{name: "left"})
    ours = BertTokenizer.from_pretrained(tmp_path, image_token="[IMG]", something_else=3)
    assert (ours.init_kwargs["image_token"], ours.init_kwargs["something_else"]) == ("[IMG]", 3)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301
def test_copies(duplicate: Callable[[Any], Any]) -> None:
    ours = make()
    other = duplicate(ours)
    same(other, ours)
    other.add_tokens(["only here"])
    assert len(other) == len(ours) + 1


def test_choices_of_other_libraries_are_not_stored(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path)
    ours = PreTrainedTokenizerFast.from_pretrained(tmp_path, use_fast=True, trust_remote_code=False, revision="main")
    assert not {"use_fast", "trust_remote_code", "revision"} & set(ours.init_kwargs)


def test_subfolder_file_and_prefix(tmp_path: Path) -> None:
    ours = make()
    ours.save_pretrained(tmp_path / "original")
    same(ours, PreTrainedTokenizerFast.from_pretrained(tmp_path, subfolder="original"))
    single = PreTrainedTokenizerFast.from_pretrained(tmp_path / "original" / "tokenizer.json")
    assert single.get_vocab() == ours.get_vocab()
    written = ours.save_pretrained(tmp_path, filename_prefix="p")
    assert (tmp_path / "p-tokenizer.json").is_file()
    assert str(tmp_path / "p-tokenizer_config.json") in written
    assert [Path(path).name for path in ours.save_vocabulary(tmp_path)] == ["vocab.txt"]


@pytest.mark.parametrize(("bos", "eos"), [(True, False), (False, True), (True, True), (False, False)])
def test_ends_are_kept(tmp_path: Path, folder: Callable[[str], Path], bos: bool, eos: bool) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"), add_bos_token=bos, add_eos_token=eos)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder("llama3"), add_bos_token=bos, add_eos_token=eos)
    ours.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    for tokenizer in (ours, again):
        assert tokenizer("a b", "c")["input_ids"] == theirs("a b", "c")["input_ids"]
        assert (tokenizer.add_bos_token, tokenizer.add_eos_token) == (bos, eos)


def test_ends_can_be_switched(folder: Callable[[str], Path]) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"))
    assert ours.add_bos_token
    assert not ours.add_eos_token
    plain = ours("a b", add_special_tokens=False)["input_ids"]
    ours.add_eos_token = True
    assert ours("a b")["input_ids"] == [ours.bos_token_id, *plain, ours.eos_token_id]
    ours.add_bos_token = False
    assert ours("a b")["input_ids"] == [*plain, ours.eos_token_id]


BROKEN: dict[str, tuple[str, bytes]] = {
    "no JSON": ("tokenizer.json", b"{"),
    "cut short": ("tokenizer.json", b'{"version": "1.0", "model": {"type": "BPE", "vocab": {"a"'),
    "no tokenizer": ("tokenizer.json", b'{"a": 1}'),
    "no UTF-8": ("tokenizer.json", b"\xff\xfe\x00"),
    "empty": ("tokenizer.json", b""),
    "unknown model": ("tokenizer.json", b'{"version": "1.0", "added_tokens": [], "model": {"type": "Evil", "vocab": {}}}'),
    "config is no object": ("tokenizer_config.json", b"[1, 2]"),
    "config is no JSON": ("tokenizer_config.json", b"{'a': 1}"),
    "deep config": ("tokenizer_config.json", b"[" * 100_000),
    "token without content": ("tokenizer_config.json", b'{"added_tokens_decoder": {"700": {"special": true}}}'),
    "ids that cannot be": ("tokenizer_config.json", b'{"added_tokens_decoder": {"7000000": {"content": "<zz>"}}}'),
}


@pytest.mark.parametrize(("name", "content"), BROKEN.values(), ids=BROKEN)
def test_broken_files(tmp_path: Path, name: str, content: bytes) -> None:
    make().save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BestiaryError):
        PreTrainedTokenizerFast.from_pretrained(tmp_path)


# What a tokenizer_config.json may hold in place of what belongs there.
MALFORMED: list[dict[str, Any]] = [
    *({"model_max_length": value} for value in ("x", True, math.nan)),
    *({"extra_special_tokens": value} for value in (5, "abc", [5], [{"content": 5}], {"other_token": 5})),
    *({"added_tokens_decoder": value} for value in (5, [1], {"x": {"content": "a"}}, {"-1": {"content": "a"}}, {"5": 5})),
    *({"model_input_names": value} for value in (5, "input_ids", [1])),
    *({"pad_token": value} for value in (5, ["a"], {"content": 5})),
    *({"padding_side": value} for value in (5, "middle")),
    {"clean_up_tokenization_spaces": "x"},
    {"split_special_tokens": 2},
    {"pad_token_type_id": "x"},
    {"on_too_long": "bogus"},
    {"add_bos_token": "x"},
]


@pytest.mark.parametrize("values", MALFORMED, ids=str)
def test_malformed_settings_are_named(tmp_path: Path, values: dict[str, Any]) -> None:
    make().save_pretrained(tmp_path, save_jinja_files=False)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(BestiaryError, match=f"{next(iter(values))}|other_token|a stored token"):
        PreTrainedTokenizerFast.from_pretrained(tmp_path)


def test_null_and_no_limit(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    stored = json.loads(path.read_text())
    for value in (None, math.inf, 1e30, int(1e30)):
        names = ("padding_side", "truncation_side", "model_input_names", "pad_token_type_id", "extra_special_tokens")
        path.write_text(json.dumps({**stored, **dict.fromkeys(names), "model_max_length": value}))
        assert PreTrainedTokenizerFast.from_pretrained(tmp_path).model_max_length == int(1e30)


@pytest.mark.parametrize("ids", ['{"a": "x"}', '{"a": -5}', '{"a": null}', "[1]"])
def test_malformed_added_tokens(tmp_path: Path, ids: str) -> None:
    make().save_pretrained(tmp_path)
    (tmp_path / "added_tokens.json").write_text(ids)
    with pytest.raises(CorruptFile, match="added_tokens"):
        PreTrainedTokenizerFast.from_pretrained(tmp_path)


def changed(folder: Path, part: str, value: Any) -> Path:
    """A tokenizer.json with one part replaced."""
    whole = json.loads(wordpiece().to_str())
    whole[part] = {**whole[part], **value} if part == "model" else value
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(whole))
    return path


def test_an_unknown_token_that_is_not_there(tmp_path: Path) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(changed(tmp_path, "model", {"unk_token": "[NOPE]"}))
    for text in ("zzz qqq \u4e00", ["zzz qqq \u4e00", "a"]):
        with pytest.raises(InputError, match=r"own files do not let it encode.*\[UNK\]"):
            ours(text)


def test_an_expression_that_never_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    ours = PreTrainedTokenizerFast.from_pretrained(changed(tmp_path, "pre_tokenizer", split))
    with pytest.raises(InputError, match="retry-limit"):
        ours("a" * 40 + "b")
    capfd.readouterr()


LONGER = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 60}
GROWING: dict[str, tuple[str, dict[str, Any]]] = {
    "a normalizer": ("normalizer", {"type": "Sequence", "normalizers": [LONGER, LONGER]}),
    "nested": ("normalizer", {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [LONGER]}, LONGER]}),
    "a decoder": ("decoder", {"type": "Sequence", "decoders": [LONGER, LONGER]}),
    "one rule": ("normalizer", {**LONGER, "content": "a" * 65}),
    "an expression": ("normalizer", {"type": "Replace", "pattern": {"Regex": "."}, "content": "a" * 65}),
}


@pytest.mark.parametrize(("part", "value"), GROWING.values(), ids=GROWING)
def test_rules_that_make_gigabytes_of_a_word(tmp_path: Path, part: str, value: dict[str, Any]) -> None:
    with pytest.raises(UnsafeFile, match=f"the {part} of this tokenizer may make a text [0-9]+ times as long"):
        PreTrainedTokenizerFast.from_pretrained(changed(tmp_path, part, value))


def test_rules_of_published_files_are_taken(tmp_path: Path) -> None:
    PreTrainedTokenizerFast.from_pretrained(changed(tmp_path, "normalizer", LONGER))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"tokenizer\.json, tokenizer\.model"):
        PreTrainedTokenizerFast.from_pretrained(tmp_path)


def test_names_that_lead_out(tmp_path: Path) -> None:
    ours = make()
    ours.chat_template = {"default": "a", "../../evil": "b"}
    with pytest.raises(UnsafeFile):
        ours.save_pretrained(tmp_path / "in" / "side")
    assert not list(tmp_path.rglob("evil*"))
    with pytest.raises(UnsafeFile):
        PreTrainedTokenizerFast.from_pretrained(tmp_path, subfolder="../x")


@pytest.mark.parametrize("prefix", ["../..", "/abs", "a/b", "a\0b", 5], ids=repr)
def test_prefixes_that_lead_out(tmp_path: Path, prefix: Any) -> None:
    for save in (make().save_pretrained, make().save_vocabulary):
        with pytest.raises((ArgumentError, UnsafeFile)):
            save(tmp_path / "in" / "side", filename_prefix=prefix)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_unknown_keywords_of_saving(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="legacy"):
        make().save_pretrained(tmp_path, legacy="x")


def test_a_failed_save_keeps_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = make()
    ours.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    ours.add_tokens(["more"])
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="not written"):
        ours.save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_corrupt_vocabularies(tmp_path: Path, folder: Callable[[str], Path]) -> None:
    from bestiary.models.bert.tokenizer import BertTokenizer
    from bestiary.models.gpt2.tokenizer import GPT2Tokenizer

    shutil.copytree(folder("gpt2"), tmp_path, dirs_exist_ok=True)
    for text in ("a b c\n", "zz yy\n", "lonely\n"):
        (tmp_path / "merges.txt").write_text(text)
        with pytest.raises(CorruptFile):
            GPT2Tokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text('{"a": "b"}')
    with pytest.raises(CorruptFile):
        GPT2Tokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CorruptFile):
        BertTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(CorruptFile, match=r"\[UNK\]"):
        BertTokenizer.from_pretrained(tmp_path)


def test_what_a_users_constructor_names_comes_back(tmp_path: Path) -> None:
    """By name, from the file, as of a published tokenizer; a keyword of the call goes before it."""

    class Counted(PreTrainedTokenizerFast):
        def __init__(self, *args: Any, extra: int = 2, **others: Any) -> None:
            super().__init__(*args, extra=extra, **others)
            self.extra = extra

    backend = Tokenizer(models.WordLevel({"a": 0, "u": 1}, unk_token="u"))
    Counted(tokenizer_object=backend, unk_token="u", extra=5).save_pretrained(tmp_path)
    assert Counted.from_pretrained(tmp_path).extra == 5
    assert Counted.from_pretrained(tmp_path, extra=6).extra == 6
    assert Counted.from_pretrained(tmp_path)("a").input_ids == [0]

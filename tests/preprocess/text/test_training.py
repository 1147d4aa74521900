"""Training a tokenizer like another one, and on vocabularies made from nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit.tokenizer_files import SAMPLES, TEXT
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from bestiary.core.errors import InputError
from bestiary.models.bert.tokenizer import BertTokenizer
from bestiary.models.clip.tokenizer import CLIPTokenizer
from bestiary.models.gpt2.tokenizer import GPT2Tokenizer
from bestiary.models.llama.tokenizer import LlamaTokenizer
from bestiary.models.t5.tokenizer import T5Tokenizer
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

CORPUS = ["one two three four five", "three five seven", "été 日本語, a-b; C'est"] * 20
KINDS: dict[str, Any] = {
    "bert": BertTokenizer,
    "gpt2": GPT2Tokenizer,
    "clip": CLIPTokenizer,
    "llama": LlamaTokenizer,
    "t5": T5Tokenizer,
    "generic": PreTrainedTokenizerFast,
    "llama3": PreTrainedTokenizerFast,
}


@pytest.mark.parametrize("kind", KINDS)
def test_same_kind_new_vocabulary(folder: Callable[[str], Path], kind: str, tmp_path: Path) -> None:
    old = KINDS[kind].from_pretrained(folder(kind), **({"extra_ids": 3} if kind == "t5" else {}))
    new = old.train_new_from_iterator((CORPUS[i : i + 8] for i in range(0, len(CORPUS), 8)), 420, new_special_tokens=["<new>"])
    assert type(new) is type(old)
    assert len(new) <= max(420, 256 + 60)
    assert new.special_tokens_map == old.special_tokens_map
    assert new.tokenize("a<new>")[-1] == "<new>"
    assert "<new>" in new.extra_special_tokens
    assert new.num_special_tokens_to_add() == old.num_special_tokens_to_add()
    ids = new("three five")["input_ids"]
    assert len(ids) < len(old("three five")["input_ids"]) or kind in ("bert", "generic", "t5")
    assert new.decode(ids, skip_special_tokens=True).strip() == "three five"
    for role, token in new.special_tokens_map.items():
        assert new.convert_ids_to_tokens(getattr(new, f"{role}_id")) == token
    new.save_pretrained(tmp_path)
    assert KINDS[kind].from_pretrained(tmp_path)("seven, été")["input_ids"] == new("seven, été")["input_ids"]


@pytest.mark.parametrize("kind", ["gpt2", "llama3"])
def test_like_the_reference(folder: Callable[[str], Path], kind: str) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3")).train_new_from_iterator(TEXT, 330)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder("llama3")).train_new_from_iterator(TEXT, 330)
    assert len(ours) == len(theirs)
    for text in SAMPLES[:5]:
        assert len(ours(text)["input_ids"]) == len(theirs(text)["input_ids"])


KEPT: dict[str, Any] = {
    "chat_template": {"default": "{{ messages }}", "tool_use": "t"},
    "model_max_length": 77,
    "padding_side": "left",
    "truncation_side": "left",
    "clean_up_tokenization_spaces": True,
    "split_special_tokens": True,
    "model_input_names": ["input_ids"],
    "extra_special_tokens": ["<x>", "<y>"],
    "own_option": 5,
}


@pytest.mark.parametrize("kind", ["generic", "llama3"])
def test_what_is_kept_is_what_the_reference_keeps(folder: Callable[[str], Path], kind: str) -> None:
    trained = []
    for library in (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast):
        old = library.from_pretrained(folder(kind), **KEPT)
        old.add_special_tokens({"mask_token": "<M>"})
        trained.append(old.train_new_from_iterator(CORPUS, 300, new_special_tokens=["<z>"]))
    ours, theirs = trained
    for name in {*KEPT, "special_tokens_map", "all_special_tokens", "name_or_path", "pad_token_type_id"} - {"own_option"}:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.init_kwargs["own_option"] == theirs.init_kwargs["own_option"] == 5
    assert ours.chat_template == KEPT["chat_template"]
    assert ours.get_added_vocab().keys() == theirs.get_added_vocab().keys()


def test_renamed_special_tokens(folder: Callable[[str], Path]) -> None:
    old = PreTrainedTokenizerFast.from_pretrained(folder("generic"))
    new = old.train_new_from_iterator(CORPUS, 200, special_tokens_map={"[CLS]": "<cls>", "[UNK]": "<unk>"})
    assert (new.cls_token, new.unk_token, new.sep_token) == ("<cls>", "<unk>", "[SEP]")
    assert new.convert_ids_to_tokens(new("one")["input_ids"])[0] == "<cls>"
    assert "[CLS]" not in new.get_vocab()


def test_trained_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("\n".join(CORPUS), encoding="utf-8")
    rust = Tokenizer(models.BPE(unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    rust.train([str(tmp_path / "corpus.txt")], trainers.BpeTrainer(special_tokens=special, show_progress=False))
    rust.save(str(tmp_path / "tokenizer.json"))
    for ours in (
        PreTrainedTokenizerFast(tokenizer_object=rust),
        PreTrainedTokenizerFast(tokenizer_file=tmp_path / "tokenizer.json"),
    ):
        assert ours.convert_tokens_to_ids(special) == [0, 1, 2, 3, 4]
        assert ours("one two!")["input_ids"] == rust.encode("one two!").ids


def test_kinds_that_cannot_be_trained(folder: Callable[[str], Path]) -> None:
    ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"))
    from bestiary.preprocess.text import training

    kinds = dict(training._TRAINERS)
    training._TRAINERS.pop("WordPiece")
    try:
        with pytest.raises(InputError, match="WordPiece cannot be trained"):
            ours.train_new_from_iterator(CORPUS, 100)
    finally:
        training._TRAINERS.update(kinds)

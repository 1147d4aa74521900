"""Tokenizers that users write in Python: the same class on this library and on the published one."""

import copy
import json
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from tokenizers import AddedToken

import bestiary
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.preprocess.text.token_bytes import written

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "a", "b", "c", "fine", "day", "rain", "the", "<mask>"]
LONG = "a b c a fine day the rain a b c"
CLASSES = '''
"""A tokenizer of words, with the methods that users write."""

import json
import os

from LIBRARY import AddedToken, PreTrainedTokenizer


class Words(PreTrainedTokenizer):
    vocab_files_names = {"vocab_file": "words.json"}
    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]

    def __init__(self, vocab_file, do_lower_case=False, unk_token="<unk>", pad_token="<pad>", **kwargs):
        with open(vocab_file, encoding="utf-8") as file:
            self.encoder = json.load(file)
        self.decoder = {index: token for token, index in self.encoder.items()}
        self.do_lower_case = do_lower_case
        super().__init__(do_lower_case=do_lower_case, unk_token=unk_token, pad_token=pad_token, **kwargs)

    @property
    def vocab_size(self):
        return len(self.encoder)

    def get_vocab(self):
        return {**self.encoder, **self.added_tokens_encoder}

    def _tokenize(self, text):
        return text.split()

    def _convert_token_to_id(self, token):
        return self.encoder.get(token, self.encoder[self.unk_token])

    def _convert_id_to_token(self, index):
        return self.decoder.get(index, self.unk_token)

    def save_vocabulary(self, save_directory, filename_prefix=None):
        path = os.path.join(save_directory, (filename_prefix + "-" if filename_prefix else "") + "words.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.encoder, file)
        return (path,)


class Framed(Words):
    def __init__(self, vocab_file, bos_token="<s>", eos_token="</s>", **kwargs):
        super().__init__(vocab_file, bos_token=bos_token, eos_token=eos_token, **{"mask_token": "<mask>", **kwargs})

    def prepare_for_tokenization(self, text, is_split_into_words=False, **kwargs):
        if kwargs.pop("shout", False) or self.do_lower_case:
            text = text.lower()
        return text, kwargs

    def convert_tokens_to_string(self, tokens):
        return "_".join(tokens)

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        ids = [self.bos_token_id] + token_ids_0 + [self.eos_token_id]
        return ids if token_ids_1 is None else ids + token_ids_1 + [self.eos_token_id]

    def get_special_tokens_mask(self, token_ids_0, token_ids_1=None, already_has_special_tokens=False):
        if already_has_special_tokens:
            return super().get_special_tokens_mask(token_ids_0, token_ids_1, already_has_special_tokens=True)
        mask = [1] + [0] * len(token_ids_0) + [1]
        return mask if token_ids_1 is None else mask + [0] * len(token_ids_1) + [1]

    def create_token_type_ids_from_sequences(self, token_ids_0, token_ids_1=None):
        types = [0] * (len(token_ids_0) + 2)
        return types if token_ids_1 is None else types + [2] * (len(token_ids_1) + 1)
'''


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("words") / "words.json"
    path.write_text(json.dumps({word: index for index, word in enumerate(WORDS)}))
    return str(path)


def _module(library: Any) -> Any:
    """The classes on a library."""
    module = ModuleType(f"words_on_{library.__name__}")
    exec(CLASSES.replace("LIBRARY", library.__name__), module.__dict__)
    sys.modules[module.__name__] = module
    return module


OURS, THEIRS = _module(bestiary), _module(transformers)


def both(vocabulary: str, kind: str = "Framed", **options: Any) -> tuple[Any, Any]:
    return tuple(getattr(module, kind)(vocabulary, **copy.deepcopy(options)) for module in (OURS, THEIRS))  # type: ignore[return-value]


def same(ours: Any, theirs: Any) -> None:
    """The same columns in the same order, of the same kind."""
    assert list(ours) == list(theirs)
    for name, column in theirs.items():
        assert type(ours[name]) is type(column)
        assert (ours[name] == column).all() if isinstance(column, torch.Tensor) else ours[name] == column


CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "text": (("a fine day",), {}),
    "unknown": (("a strange day",), {}),
    "nothing": (("",), {}),
    "plain": (("a fine day",), {"add_special_tokens": False}),
    "pair": (("a fine day", "the rain"), {"return_special_tokens_mask": True, "return_length": True}),
    "plain pair": (("a fine day", "the rain"), {"add_special_tokens": False, "return_special_tokens_mask": True}),
    "batch": ((["a fine day", "rain"],), {"padding": True, "return_tensors": "pt"}),
    "pairs": ((["a", "b c"], ["the rain", "day"]), {"padding": "max_length", "max_length": 9, "truncation": True}),
    "pairs in tuples": (([("a", "b c"), ("the rain", "day")],), {"padding": True, "padding_side": "left"}),
    "multiple": ((["a fine day", "rain"],), {"padding": True, "pad_to_multiple_of": 4, "return_special_tokens_mask": True}),
    "words": ((["a", "fine day"],), {"is_split_into_words": True}),
    "batch of words": (([["a", "fine"], ["rain"]],), {"is_split_into_words": True, "padding": True}),
    "cut": ((LONG,), {"truncation": True, "max_length": 5}),
    "cut pair": ((LONG, "b c rain"), {"truncation": True, "max_length": 8}),
    "cut pair of equals": (("a b c", "b c rain"), {"truncation": True, "max_length": 8}),
    "cut shorter pair": (("b c rain", LONG), {"truncation": "longest_first", "max_length": 8}),
    "cut first": ((LONG, "b c"), {"truncation": "only_first", "max_length": 8}),
    "cut second": (("b c", LONG), {"truncation": "only_second", "max_length": 8}),
    "overflow": ((LONG,), {"truncation": True, "max_length": 5, "return_overflowing_tokens": True}),
    "overflow with stride": (
        (LONG, "b"),
        {"truncation": "only_first", "max_length": 6, "stride": 2, "return_overflowing_tokens": True},
    ),
    "overflow of the second": (
        ("b", LONG),
        {"truncation": "only_second", "max_length": 6, "stride": 2, "return_overflowing_tokens": True},
    ),
    "overflow of a batch": (([LONG, LONG],), {"truncation": True, "max_length": 5, "return_overflowing_tokens": True}),
    "overflow as tensors": (
        ([LONG, LONG],),
        {"truncation": True, "max_length": 5, "return_overflowing_tokens": True, "return_tensors": "pt"},
    ),
    "no mask": (("a b",), {"return_attention_mask": False, "return_token_type_ids": False}),
    "option of the class": (("A FINE day",), {"shout": True}),
    "special in the text": (("a<mask> fine</s>",), {}),
    "special as text": (("a <mask> fine",), {"split_special_tokens": True}),
    "ids": (([4, 5, 6],), {}),
    "targets": (("a",), {"text_target": "b c"}),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["Words", "Framed"])
def test_calls(vocabulary: str, kind: str, call: str) -> None:
    arguments, options = CALLS[call]
    if kind == "Words" and "shout" in options:
        return
    ours, theirs = both(vocabulary, kind)
    same(ours(*arguments, **options), theirs(*arguments, **options))


@pytest.mark.parametrize("side", ["left", "right"])
def test_truncation_side(vocabulary: str, side: str) -> None:
    ours, theirs = both(vocabulary, truncation_side=side, model_max_length=6)
    same(ours(LONG, "b c", truncation=True), theirs(LONG, "b c", truncation=True))
    options = {"truncation": "only_first", "return_overflowing_tokens": True, "stride": 1}
    same(ours(LONG, "b", **options), theirs(LONG, "b", **options))
    for strategy in ("longest_first", "only_first", "only_second"):
        arguments = ([1, 2, 3, 4, 5], [6, 7, 8], 3, strategy, 1)
        assert ours.truncate_sequences(*arguments) == theirs.truncate_sequences(*arguments)
    same(ours.prepare_for_model([4, 5], [7]), theirs.prepare_for_model([4, 5], [7]))


ADDED = {
    "text": "xx",
    "left": AddedToken("xx", lstrip=True),
    "right": AddedToken("xx", rstrip=True),
    "both": AddedToken("xx", lstrip=True, rstrip=True, special=True),
    "single": AddedToken("xx", single_word=True),
    "single and both": AddedToken("xx", single_word=True, lstrip=True, rstrip=True),
    "normal": AddedToken("XX", normalized=True),
}


@pytest.mark.parametrize("kind", ADDED)
@pytest.mark.parametrize("lower", [False, True])
def test_added_tokens(vocabulary: str, kind: str, lower: bool) -> None:
    pair = both(vocabulary, do_lower_case=lower)
    texts = ["a xx b", "axx b", "a xxb", "xx", "a  xx  xx b", "xxx", "a xxxx fine", "a XX b xxyy"]
    rows = []
    for each in pair:
        token = copy.deepcopy(ADDED[kind])
        counts = each.add_tokens([token, "xxyy"]), each.add_tokens("fine"), each.add_tokens(["a"], special_tokens=True)
        rows.append((counts, len(each), each.added_tokens_encoder, each.all_special_tokens, each.vocab_size))
        rows[-1] += (
            [each.tokenize(text) for text in texts],
            [each(text)["input_ids"] for text in texts],
            each.get_added_vocab(),
        )
    assert rows[0] == rows[1]


def test_special_tokens(vocabulary: str) -> None:
    rows = []
    for each in both(vocabulary, extra_special_tokens=["<x>"], image_token="<image>"):
        told = each.add_special_tokens({"cls_token": "[CLS]", "additional_special_tokens": ["<y>", "<z>"]})
        each.pad_token = "c"
        each.sep_token_id = 5
        rows.append(
            {
                "told": (told, len(each), each.num_special_tokens_to_add(True), each.max_len_single_sentence),
                "roles": (each.extra_special_tokens, each.special_tokens_map, each.all_special_ids, each.image_token_id),
                "changed": (each.pad_token_id, each.sep_token, each.cls_token_id, each("a <y>[CLS]<image>")["input_ids"]),
                "kind": (each.is_fast, each.backend, repr(each)),
                "mask": each.get_special_tokens_mask([4, 2], already_has_special_tokens=True),
                "ids": each.convert_tokens_to_ids(["a", "q"]),
                "tokens": (each.convert_ids_to_tokens([4, 2, 7], skip_special_tokens=True), each.convert_ids_to_tokens(5)),
                "text": (each.decode([2, 4, 7, 3]), each.decode([2, 4, 7, 3], skip_special_tokens=True), each.decode(4)),
                "texts": (each.batch_decode([[4, 7], [5]]), each.convert_tokens_to_string(["a", "b"])),
            }
        )
    assert rows[0] == rows[1]


def test_tidy_text(vocabulary: str) -> None:
    ours, theirs = both(vocabulary, "Words", clean_up_tokenization_spaces=True)
    for each in (ours, theirs):
        each.add_tokens(["."])
    ids = ours("a fine day .")["input_ids"]
    assert ours.decode(ids) == theirs.decode(ids) == "a fine day."
    assert ours.decode(ids, clean_up_tokenization_spaces=False) == "a fine day ."


TYPES = [{}, {"token_type_ids_pattern": "all_zeros"}, {"token_type_ids_include_special_tokens": False}]
PATTERNS = [None, "none", "cls_sep", "cls_double_sep", "bos", "eos", "bos_eos", "prefix_suffix"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(
    "types", [{}, {"token_type_ids_pattern": "all_zeros"}, {"token_type_ids_include_special_tokens": False}]
)
def test_patterns(vocabulary: str, pattern: str | None, types: dict[str, Any]) -> None:
    roles = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "a", "sep_token": "b"}
    ours, theirs = both(vocabulary, "Words", special_tokens_pattern=pattern, **types, **roles)
    for each in (ours, theirs):
        each.prefix_tokens, each.suffix_tokens = [10, 11], [9]
    for texts in (("fine day",), ("fine day", "rain")):
        same(ours(*texts, return_special_tokens_mask=True), theirs(*texts, return_special_tokens_mask=True))
    assert ours.get_special_tokens_mask([5, 6], [7]) == theirs.get_special_tokens_mask([5, 6], [7])
    assert ours.num_special_tokens_to_add(True) == theirs.num_special_tokens_to_add(True)


def test_mask_follows_what_the_class_builds(vocabulary: str) -> None:
    class Ended(OURS.Words):  # type: ignore[misc]
        def build_inputs_with_special_tokens(self, token_ids_0: list[int], token_ids_1: Any = None) -> list[int]:
            return [*token_ids_0, *(token_ids_1 or ()), 3]

    encoded = Ended(vocabulary)("a", "b", return_special_tokens_mask=True)
    assert encoded["special_tokens_mask"] == [0, 0, 1]


TEMPLATE = "{% for message in messages %}<s>{{ message['content'] }}</s>{% endfor %}{% if add_generation_prompt %}a{% endif %}"


def test_chats(vocabulary: str) -> None:
    ours, theirs = both(vocabulary, chat_template=TEMPLATE, extra_special_tokens=["<new>"])
    chat = [{"role": "user", "content": "a fine<new> day"}, {"role": "assistant", "content": "rain"}]
    for options in ({}, {"add_generation_prompt": True}, {"tokenize": False}):
        left, right = (each.apply_chat_template(chat, **options) for each in (ours, theirs))
        assert left == right if isinstance(right, str) else dict(left) == dict(right)
    sanitized = ours.apply_chat_template(chat, sanitize_control_tokens=True, return_dict=False)
    assert ours.convert_ids_to_tokens(sanitized) == ["<s>", "a", "fine", "<unk>", "day", "</s>", "<s>", "rain", "</s>"]
    same(
        ours.apply_chat_template([chat, chat[:1]], padding=True, return_tensors="pt"),
        theirs.apply_chat_template([chat, chat[:1]], padding=True, return_tensors="pt"),
    )


def _state(tokenizer: Any) -> Any:
    encoded = tokenizer("a <new>xx fine q</s>", "b")
    return dict(encoded), tokenizer.special_tokens_map, tokenizer.added_tokens_encoder, len(tokenizer), tokenizer.do_lower_case


def test_files_open_in_both(vocabulary: str, tmp_path: Path) -> None:
    states = []
    for name, each in zip(("ours", "theirs"), both(vocabulary, do_lower_case=True, model_max_length=20), strict=True):
        each.add_tokens([AddedToken("<new>", lstrip=True), "xx"])
        each.add_special_tokens({"cls_token": "<cls>", "extra_special_tokens": ["<e>"]})
        each.chat_template = TEMPLATE
        paths = each.save_pretrained(tmp_path / name)
        assert set(map(Path, paths)) >= {tmp_path / name / "words.json", tmp_path / name / "tokenizer_config.json"}
        states.append(_state(each))
        for module in (OURS, THEIRS):
            opened = module.Framed.from_pretrained(tmp_path / name)
            states.append(_state(opened))
            assert (opened.model_max_length, opened.chat_template) == (20, TEMPLATE)
            assert module.Framed.from_pretrained(tmp_path / name, pad_token="c", do_lower_case=False).pad_token_id == 6
    assert all(state == states[0] for state in states)
    stored = [json.loads((tmp_path / name / "tokenizer_config.json").read_text()) for name in ("ours", "theirs")]
    assert stored[0]["added_tokens_decoder"] == stored[1]["added_tokens_decoder"]
    assert set(stored[1]) <= {*stored[0], "backend", "is_local", "local_files_only"}


def test_copies(vocabulary: str) -> None:
    tokenizer, _ = both(vocabulary)
    tokenizer.add_tokens(AddedToken("xx", lstrip=True))
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):  # noqa: S301 (written here)
        assert _state(other) == _state(tokenizer)


def test_code_of_a_checkpoint(vocabulary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    (tmp_path / "words.json").write_text(Path(vocabulary).read_text())
    (tmp_path / "tokenization_words.py").write_text(CLASSES.replace("LIBRARY", "transformers"))
    settings = {"tokenizer_class": "Framed", "auto_map": {"AutoTokenizer": ["tokenization_words.Framed", None]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "do_lower_case": True}))
    opened = bestiary.AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=True)
    assert dict(opened("A b")) == dict(both(vocabulary, do_lower_case=True)[1]("A b"))
    opened.save_pretrained(tmp_path / "again")
    assert sorted(os.listdir(tmp_path / "again")) == ["tokenization_words.py", "tokenizer_config.json", "words.json"]
    again = bestiary.AutoTokenizer.from_pretrained(tmp_path / "again", trust_remote_code=True)
    assert _state(again) == _state(opened)


def test_refusals(vocabulary: str) -> None:
    tokenizer, _ = both(vocabulary)
    with pytest.warns(BestiaryWarning, match="written in Python and knows no offsets"):
        assert "offset_mapping" not in tokenizer("a", return_offsets_mapping=True)
    with pytest.raises(ArgumentError, match="does nothing with the option 'whisper'"):
        tokenizer("a", whisper=True)
    with pytest.raises(InputError, match="only_first"):
        tokenizer("a", "b", truncation=True, max_length=4, return_overflowing_tokens=True)
    with pytest.raises(InputError, match="not made by encoding text"):
        tokenizer("a").word_ids()
    with pytest.raises(ArgumentError, match="needs a tokenizer of the Rust package"):
        tokenizer("a", on_too_long="window")
    with pytest.raises(ConfigError, match="needs cls_token"):
        both(vocabulary, "Words", special_tokens_pattern="cls_sep")[0]("a")
    with pytest.raises(InputError, match="a constraint needs a tokenizer of the Rust package; Framed is written in Python"):
        written(tokenizer, 12)
    tokenizer.model_max_length = 4
    with pytest.warns(BestiaryWarning, match="more than the model's limit of 4"):
        tokenizer(LONG)


def test_answers_need_places_in_the_text(vocabulary: str) -> None:
    tokenizer, _ = both(vocabulary)
    config = bestiary.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=12)
    answers = bestiary.pipeline("question-answering", model=bestiary.BertForQuestionAnswering(config), tokenizer=tokenizer)
    with pytest.raises(InputError, match="places in a text needs a tokenizer of the Rust package"):
        answers(question="a", context="b")


def test_streaming(vocabulary: str) -> None:
    tokenizer, _ = both(vocabulary)
    pieces: list[str] = []
    streamer = bestiary.TextStreamer(tokenizer)
    streamer.on_finalized_text = lambda text, stream_end=False: pieces.append(text)  # type: ignore[method-assign]
    for index in tokenizer("a fine day")["input_ids"]:
        streamer.put(torch.tensor([index]))
    streamer.end()
    assert "".join(pieces) == tokenizer.decode(tokenizer("a fine day")["input_ids"])
    assert isinstance(tokenizer, bestiary.PreTrainedTokenizerBase)
    assert not isinstance(tokenizer, bestiary.PreTrainedTokenizerFast)


@pytest.mark.parametrize("prefix", [None, "mine"])
def test_tokens_behind_the_vocabulary_are_saved_in_a_file_of_their_own(vocabulary: str, tmp_path: Path, prefix: str) -> None:
    contents = []
    for name, tokenizer in zip(("ours", "theirs"), both(vocabulary), strict=True):
        tokenizer.add_tokens(["<z>", "<new>"])
        tokenizer.save_pretrained(tmp_path / name, filename_prefix=prefix)
        contents.append((tmp_path / name / f"{prefix + '-' if prefix else ''}added_tokens.json").read_text())
    assert contents[0] == contents[1]
    assert "<new>" in contents[0]


def test_a_script_can_silence_the_warning_of_long_texts(vocabulary: str, recwarn: pytest.WarningsRecorder) -> None:
    tokenizer, published = both(vocabulary)
    tokenizer.model_max_length = 4
    assert tokenizer.deprecation_warnings == published.deprecation_warnings == {}
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    tokenizer(LONG)
    assert not recwarn.list

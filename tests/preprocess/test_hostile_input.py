"""Wrong types, damaged tables and impossible lengths given to tokenizers and image processors: an error in words."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bestiary
from bestiary.core.errors import BestiaryError

BERT = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])}
BYTES = {token: index for index, token in enumerate(["a", "b", "ab", "<|endoftext|>"])}


class InPython(bestiary.PreTrainedTokenizer):
    """A tokenizer as users write them."""

    vocab_size = 3

    def get_vocab(self) -> dict[str, int]:
        return {"a": 0, "<unk>": 1, "<pad>": 2}

    def _tokenize(self, text: str) -> list[str]:
        return text.split()

    def _convert_token_to_id(self, token: str) -> int:
        return self.get_vocab().get(token, 1)

    def _convert_id_to_token(self, index: int) -> str:
        return ["a", "<unk>", "<pad>"][index]


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "rust": lambda: bestiary.BertTokenizer(vocab=BERT),
    "bytes": lambda: bestiary.GPT2Tokenizer(vocab=BYTES, merges=[("a", "b")], pad_token="<|endoftext|>"),
    "python": lambda: InPython(unk_token="<unk>", pad_token="<pad>"),
}
TEXTS = [None, 3, 1.5, b"a", {"a": 1}, [None], [[["a"]]], float("nan"), {"a"}, [1, "a"], [("a", None)]]
CALLS: dict[str, Callable[[Any], Any]] = {
    **{f"text {text!r}": lambda t, text=text: t(text) for text in TEXTS},
    "half a character": lambda t: t("a\ud800") if t.is_fast else t(None),
    "pairs": lambda t: t(["a"], ["a", "b"]),
    "length of text": lambda t: t("a", max_length="5", truncation=True),
    "negative length": lambda t: t("a", max_length=-1, truncation=True),
    "stride of text": lambda t: t("a", max_length=3, truncation=True, stride="1"),
    "more than there is memory": lambda t: t("a", max_length=10**12, padding="max_length"),
    "more, by a multiple": lambda t: t("a", padding=True, pad_to_multiple_of=10**12),
    "multiple of text": lambda t: t(["a"], padding=True, pad_to_multiple_of="8"),
    "padding 7": lambda t: t("a", padding=7),
    "truncation {}": lambda t: t("a", truncation={"x": 1}),
    "side": lambda t: t("a", padding=True, padding_side="up"),
    "tensors": lambda t: t("a", return_tensors="zz"),
    "decode nothing": lambda t: t.decode(None),
    "decode text": lambda t: t.decode("ab"),
    "decode a table": lambda t: t.decode({"x": 1}),
    "tokens": lambda t: t.add_tokens(3),
    "tokens None": lambda t: t.add_tokens([None]),
    "roles": lambda t: t.add_special_tokens(["x"]),
    "role": lambda t: t.add_special_tokens({"pad_token": 3}),
    "extra": lambda t: t.add_special_tokens({"extra_special_tokens": 3}),
    "pad mixed": lambda t: t.pad({"input_ids": [[1], 2]}),
    "pad None": lambda t: t.pad({"input_ids": None}),
    "pad nothing": lambda t: t.pad(None),
    "template that climbs": lambda t: t.apply_chat_template(
        [{"role": "user", "content": "a"}], chat_template="{{ ''.__class__.__mro__ }}"
    ),
    "template without end": lambda t: t.apply_chat_template(
        [{"role": "user", "content": "a"}], chat_template="{% for i in range(10**9) %}x{% endfor %}"
    ),
    "prefix that climbs": lambda t: t.save_pretrained("folder", filename_prefix="../../x"),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_calls_of_tokenizers(kind: str, call: str) -> None:
    with pytest.raises(BestiaryError):
        CALLS[call](TOKENIZERS[kind]())


VOCABULARIES: dict[str, Any] = {
    "number": 3,
    "set": {"a"},
    "ids of text": {"a": "x"},
    "id below 0": {"a": -1},
    "huge id": {"a": 2**70},
    "key None": {None: 0},
    "list of texts": ["a", "b"],
    "list of None": [None],
    "triples": [("a", 1, 2)],
    "no file": "nowhere/x.txt",
    "a folder": ".",
    "half a character": {"\ud800": 0},
}
FAMILIES = ("Bert", "GPT2", "T5", "MBart", "Nllb", "Camembert", "DebertaV2", "Whisper", "Llama", "XGLM", "Pegasus", "Albert")


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("family", [*FAMILIES, "Gemma", "CLIP", "Roberta", "Esm"])
def test_vocabularies_and_merges(family: str, vocabulary: str) -> None:
    kind = getattr(bestiary, f"{family}Tokenizer")
    with pytest.raises(BestiaryError):
        kind(vocab=VOCABULARIES[vocabulary])


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((family, {"vocab": {"a": 0, "<unk>": 1}, "merges": 3}) for family in ("GPT2", "Nllb", "Llama", "CLIP", "Roberta")),
    *((family, {"vocab": {"a": 0, "<unk>": 1}, "merges": [(1, 2)]}) for family in ("GPT2", "Nllb", "Llama")),
    ("T5", {"extra_ids": "x"}),
    ("T5", {"extra_ids": 10**12}),
    ("Pegasus", {"vocab": [("<unk>", 0.0)], "offset": 10**12}),
    ("Bert", {"do_lower_case": []}),
    ("Bert", {"pad_token": 3}),
    ("MBart", {"src_lang": "zz"}),
    ("Whisper", {"language": 3}),
    ("MBart", {"vocab": []}),
]


@pytest.mark.filterwarnings("ignore:this vocabulary lacks Whisper's tokens")
@pytest.mark.parametrize(("family", "options"), [pytest.param(*case, id=f"{n}-{case[0]}") for n, case in enumerate(OPTIONS)])
def test_options(family: str, options: dict[str, Any]) -> None:
    with pytest.raises(BestiaryError):
        getattr(bestiary, f"{family}Tokenizer")(**options)


class Program:
    """What runs when somebody unpickles it."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "vocab.txt", "preprocessor_config.json", "spm.model"])
def test_pickles_under_the_names_of_files(name: str) -> None:
    Path(name).write_bytes(pickle.dumps(Program()))
    openers = ("AutoTokenizer", "BertTokenizer", "DebertaV2Tokenizer", "AutoImageProcessor", "CLIPImageProcessor")
    for opener in openers:
        with pytest.raises(BestiaryError):
            getattr(bestiary, opener).from_pretrained(".")
    assert not Path("it-ran").exists()


IMAGE = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "objects",
    [3, [3], [{"bbox": [1], "category_id": 1, "area": 1}], [{"bbox": ["a"] * 4, "category_id": 1, "area": 1}]],
    ids=str,
)
def test_annotations(objects: Any) -> None:
    with pytest.raises(BestiaryError):
        bestiary.DetrImageProcessor()(IMAGE, annotations={"image_id": 1, "annotations": objects})

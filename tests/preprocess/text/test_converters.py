"""Old vocabulary formats, against the packages that define them; cut, changed and hostile files."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece as reference_sentencepiece
import tiktoken as reference_tiktoken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.tokenizer_files import SAMPLES, TEXT, tiktoken_ranks

from bestiary.core.errors import BestiaryError, CorruptFile
from bestiary.models.llama.tokenizer import LlamaTokenizer
from bestiary.models.t5.tokenizer import T5Tokenizer
from bestiary.preprocess.text.converters import protobuf, sentencepiece, tiktoken
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


@pytest.fixture(scope="module", params=["llama", "t5"])
def pieces(request: pytest.FixtureRequest, folder: Callable[[str], Path]) -> tuple:
    if request.param == "llama":
        path, ours = folder("llama") / "tokenizer.model", LlamaTokenizer.from_pretrained(folder("llama"))
    else:
        path, ours = folder("t5") / "spiece.model", T5Tokenizer.from_pretrained(folder("t5"))
    return ours, reference_sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.fixture(scope="module")
def ranked(folder: Callable[[str], Path]) -> tuple:
    ranks = {token: rank for rank, token in enumerate(tiktoken_ranks())}
    theirs = reference_tiktoken.Encoding("x", pat_str=tiktoken.PATTERN, mergeable_ranks=ranks, special_tokens={})
    return PreTrainedTokenizerFast.from_pretrained(folder("tiktoken")), theirs


class TestSentencepiece:
    def test_every_piece(self, pieces: tuple) -> None:
        ours, theirs = pieces
        assert ours.convert_ids_to_tokens(list(range(len(theirs)))) == [theirs.id_to_piece(i) for i in range(len(theirs))]

    @pytest.mark.parametrize("text", [*TEXT[:6], "naïve  x", "日本 語", "a\u00a0b", "ﬁ ½", "new\nline"])
    def test_ids(self, pieces: tuple, text: str) -> None:
        ours, theirs = pieces
        # Like the reference, and unlike sentencepiece, no further space is put before leading ones.
        assert ours(text.lstrip(), add_special_tokens=False)["input_ids"] == theirs.encode(text.lstrip())

    @FUZZ
    @given(text=st.text(alphabet="aehlo tT13.,'éß日🤖", max_size=24))
    def test_hard_text(self, pieces: tuple, text: str) -> None:
        ours, theirs = pieces
        text = text.strip()
        ids = ours(text, add_special_tokens=False)["input_ids"]
        assert ids == theirs.encode(text)
        assert ours.decode(ids, skip_special_tokens=True).replace(" ⁇ ", "") == theirs.decode(
            [i for i in ids if not theirs.is_unknown(i)]
        )

    def test_generic_pipeline_follows_the_file(self, folder: Callable[[str], Path]) -> None:
        path = folder("t5") / "spiece.model"
        theirs = reference_sentencepiece.SentencePieceProcessor(model_file=str(path))
        ours = PreTrainedTokenizerFast(vocab_file=path)
        for text in ("Hello  world", "  the fox ", "ﬁne\tday"):
            assert ours(text)["input_ids"] == theirs.encode(text)

    def test_cut_anywhere(self, folder: Callable[[str], Path], tmp_path: Path) -> None:
        whole = (folder("llama") / "tokenizer.model").read_bytes()
        path = tmp_path / "tokenizer.model"
        for length in [*range(200), 1001, *range(len(whole) // 2, len(whole) // 2 + 60), *range(len(whole) - 60, len(whole))]:
            path.write_bytes(whole[:length])
            with pytest.raises(CorruptFile, match="cut short|holds no tokens"):
                sentencepiece.read(path)

    @FUZZ
    @given(data=st.binary(max_size=60))
    def test_any_bytes(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "any.model"
        path.write_bytes(data)
        with pytest.raises(BestiaryError):
            PreTrainedTokenizerFast(vocab_file=path)

    @pytest.mark.parametrize(
        "data",
        [
            message(1, message(1, b"\xff\xfe")),
            message(1, b"\x15\x00"),
            message(1, b"\x08\x01"),
            b"\x08\x01",
            b"\x0a" + varint(1 << 62),
            b"\xff" * 12,
            message(1, message(1, b"a")) + message(2, b"\x18\x03"),
            message(1, message(1, b"a")) + message(2, b"\xc0\x02" + varint(9)),
            message(1, message(1, b"x" * 100_000)),
            message(1, message(1, b"a")) + message(3, message(2, b"\x01\x02\x03")),
            message(1, message(1, b"a")) + message(3, message(2, b"\xff\xff\xff\xff" * 4)),
        ],
        ids=range(11),
    )
    def test_wrong_messages(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "wrong.model"
        path.write_bytes(data)
        with pytest.raises(CorruptFile):
            PreTrainedTokenizerFast(vocab_file=path)

    def test_negative_numbers(self) -> None:
        (_, value), *_ = protobuf.fields(b"\x08" + varint((1 << 64) - 1), "x")
        assert protobuf.integer(value, "x") == -1


class TestTiktoken:
    @pytest.mark.parametrize("text", [*TEXT[:6], *SAMPLES])
    def test_ids(self, ranked: tuple, text: str) -> None:
        assert ranked[0](text)["input_ids"] == ranked[1].encode(text)

    @FUZZ
    @given(text=st.text(max_size=30))
    def test_hard_text(self, ranked: tuple, text: str) -> None:
        ids = ranked[0](text)["input_ids"]
        assert ids == ranked[1].encode(text)
        assert ranked[0].decode(ids) == text

    def test_told_apart_from_sentencepiece(self, folder: Callable[[str], Path]) -> None:
        assert tiktoken.is_ranks(folder("tiktoken") / "tokenizer.model")
        assert not tiktoken.is_ranks(folder("llama") / "tokenizer.model")

    @pytest.mark.parametrize("kind", [PreTrainedTokenizerFast, LlamaTokenizer])
    def test_other_name(self, folder: Callable[[str], Path], tmp_path: Path, kind: type[PreTrainedTokenizerFast]) -> None:
        shutil.copy(folder("tiktoken") / "tokenizer.model", tmp_path / "tiktoken.model")
        assert kind.from_pretrained(tmp_path).tokenize("the") == ["the"]

    @pytest.mark.parametrize("line", [b"YQ== x", b"!! 1", b"YQ==", b"YQ== 1 2", b"IQ== 900", b"YWFhYQ== 0"])
    def test_wrong_lines(self, folder: Callable[[str], Path], tmp_path: Path, line: bytes) -> None:
        path = tmp_path / "tokenizer.model"
        path.write_bytes((folder("tiktoken") / "tokenizer.model").read_bytes() + line + b"\n")
        with pytest.raises(CorruptFile):
            PreTrainedTokenizerFast(vocab_file=path)

    def test_huge_token(self, tmp_path: Path) -> None:
        path = tmp_path / "x.tiktoken"
        path.write_bytes(base64.b64encode(b"a") + b" 0\n" + base64.b64encode(b"a" * 100_000) + b" 1\n")
        with pytest.raises(CorruptFile, match="100000 bytes"):
            PreTrainedTokenizerFast(vocab_file=path)

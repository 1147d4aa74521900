"""Steps of encoding that people override in classes of their own: heard as in the published library."""

from typing import Any

import pytest
import transformers

import bestiary

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "a", "b", "c"]
TEXTS = ["a b c a b", "c", "b a"]


def python_class(library: Any) -> Any:
    """A tokenizer of words in Python that changes three steps."""

    class Words(library.PreTrainedTokenizer):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            self.table = {token: index for index, token in enumerate(WORDS)}
            super().__init__(unk_token="<unk>", pad_token="<pad>", **options)

        @property
        def vocab_size(self) -> int:
            return len(self.table)

        def get_vocab(self) -> dict[str, int]:
            return {**self.table, **self.added_tokens_encoder}

        def _tokenize(self, text: str) -> list[str]:
            return text.split()

        def _convert_token_to_id(self, token: str) -> int:
            return self.table.get(token, 1)

        def _convert_id_to_token(self, index: int) -> str:
            return WORDS[index]

        def truncate_sequences(
            self, ids: Any, pair_ids: Any = None, num_tokens_to_remove: int = 0, *args: Any, **options: Any
        ) -> Any:
            """Cuts from the middle."""
            if num_tokens_to_remove <= 0:
                return ids, pair_ids, []
            middle = (len(ids) - num_tokens_to_remove) // 2
            return ids[:middle] + ids[middle + num_tokens_to_remove :], pair_ids, []

    return padding_places(Words)


def rust_class(library: Any) -> Any:
    """One of the Rust package that changes `_pad` and `_encode_plus`."""

    class Changed(library.BertTokenizer):  # type: ignore[misc]
        def _encode_plus(self, text: Any, *args: Any, **options: Any) -> Any:
            encoded = super()._encode_plus(text.upper() if isinstance(text, str) else text, *args, **options)
            encoded["told"] = str(options["padding_strategy"].value), str(options["truncation_strategy"].value)
            return encoded

    return padding_places(Changed)


def padding_places(base: Any) -> Any:
    """`base` with a column that only `_pad` makes: as LED's tokenizer pads its global attention."""

    class Padding(base):  # type: ignore[misc]
        def _pad(self, encoded_inputs: Any, max_length: Any = None, padding_strategy: Any = None, **options: Any) -> Any:
            length = len(encoded_inputs["input_ids"])
            padded = super()._pad(encoded_inputs, max_length=max_length, padding_strategy=padding_strategy, **options)
            padded["places"] = [*range(length), *[-1] * (len(padded["input_ids"]) - length)]
            return padded

    return Padding


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": True},
        {"padding": "max_length", "max_length": 6, "truncation": True},
        {"truncation": True, "max_length": 3},
        {"padding": True, "pad_to_multiple_of": 4, "padding_side": "left"},
    ],
    ids=str,
)
def test_a_tokenizer_in_python(options: dict[str, Any]) -> None:
    ours, theirs = (python_class(library)() for library in (bestiary, transformers))
    for texts in (TEXTS, TEXTS[0], ["a b c a b"]):
        assert dict(ours(texts, **options)) == dict(theirs(texts, **options))


@pytest.mark.parametrize("padding", [True, "max_length", False])
def test_padding_of_what_is_encoded(padding: Any) -> None:
    length = 5 if padding == "max_length" else None
    for make in (python_class, rust_class):
        rows = [{"input_ids": [2, 4, 3]}, {"input_ids": [4]}]
        results = []
        for library in (bestiary, transformers):
            tokenizer = make(library)()
            batch = tokenizer.pad([dict(row) for row in rows], padding=padding, max_length=length)
            results.append([dict(batch), dict(tokenizer.pad(dict(rows[0]), padding=padding, max_length=length))])
        assert results[0] == results[1]


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": True}, {"truncation": "only_first", "max_length": 5}, {"padding": "max_length", "max_length": 7}],
)
def test_encode_plus_of_the_rust_package(options: dict[str, Any]) -> None:
    ours, theirs = (
        rust_class(library)(vocab={token: n for n, token in enumerate(_BERT)}) for library in (bestiary, transformers)
    )
    for texts in (("ab",), ("ab", "a"), (["ab", "a b"],)):
        assert dict(ours(*texts, **options)) == dict(theirs(*texts, **options))
    assert ours(text_target="ab")["input_ids"] == theirs(text_target="ab")["input_ids"]
    assert ours("a", text_target="ab")["labels"] == theirs("a", text_target="ab")["labels"]


_BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "ab"]

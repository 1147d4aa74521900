"""WordPiece vocabularies in memory that lack special tokens: these join behind, with the published ids."""

import pytest
import transformers

import bestiary

SHORT = [
    ("MPNetTokenizer", ["<s>", "<pad>", "</s>", "<mask>", "hello"]),
    ("MPNetTokenizer", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello"]),
    ("FunnelTokenizer", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello"]),
    ("BertTokenizer", ["[UNK]", "hello"]),
    ("BertTokenizer", ["hello"]),
    ("DistilBertTokenizer", ["hello"]),
    ("MobileBertTokenizer", ["hello"]),
]


@pytest.mark.parametrize(("name", "tokens"), SHORT)
def test_ids_of_a_short_vocabulary(name, tokens):
    vocab = {token: index for index, token in enumerate(tokens)}
    ours, theirs = (getattr(library, name)(vocab=dict(vocab)) for library in (bestiary, transformers))
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours("hello")["input_ids"] == theirs("hello")["input_ids"]
    assert dict(ours("hello", "hello hello")) == dict(theirs("hello", "hello hello"))
    assert ours.all_special_ids == theirs.all_special_ids

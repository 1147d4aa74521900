"""Tokenizers in GGUF files: the reference opens the same ones, and what ours writes comes back token for token."""

import json
from pathlib import Path

import pytest
import sentencepiece
import torch
import transformers

import bestiary
from bestiary.core.errors import ConfigError, CorruptFile, UnknownArchitecture
from bestiary.core.gguf import read_header
from bestiary.loading.gguf.write import write
from bestiary.preprocess.text.converters import gguf
from bestiary.preprocess.text.converters.gguf_metadata import metadata_of

EMBEDDED = Path(bestiary.__file__).with_name("embedded")
TEXTS = [
    "Hello world, it's a text",
    "  two  spaces\n\n\tx ",
    " lead",
    "é漢字🙂",
    "",
    "123 4567",
    "DON'T Stop",
    "x<|endoftext|>y",
]
MARKED = [*TEXTS, "a<sep>b <s> c</s>", "x<s>"]
PRE = "tokenizer.ggml."


def file_of(folder, metadata, architecture="llama"):
    path = folder / "model.gguf"
    write(path, {"general.architecture": architecture, **_sizes(architecture), **metadata}, {}, lambda name: torch.empty(0))
    return path


def _sizes(architecture):
    sizes = {"block_count": 1, "embedding_length": 16, "feed_forward_length": 8, "context_length": 32, "vocab_size": 4096}
    heads = {"attention.head_count": 2, "attention.head_count_kv": 2, "attention.key_length": 8}
    return {f"{architecture}.{key}": value for key, value in {**sizes, **heads}.items()}


@pytest.fixture(scope="module")
def byte_level():
    return metadata_of(bestiary.AutoTokenizer.from_pretrained(EMBEDDED), 4096)


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def pieces(request, tmp_path_factory):
    """The metadata of a small sentencepiece model, as llama.cpp's converter writes them."""
    bpe = request.param == "bpe"
    prefix = tmp_path_factory.mktemp("pieces") / "model"
    texts = [line for file in EMBEDDED.glob("*.md") for line in file.read_text().splitlines() if line.strip()]
    ids = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": 3} if bpe else {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*texts, *TEXTS] * 3),
        model_prefix=str(prefix),
        vocab_size=420 if bpe else 120,
        model_type=request.param,
        byte_fallback=bpe,
        user_defined_symbols=["<sep>"] if bpe else [],
        hard_vocab_limit=False,
        minloglevel=2,
        **ids,
    )
    model = sentencepiece.SentencePieceProcessor(f"{prefix}.model")
    numbers = range(model.get_piece_size())

    def kind(index):
        marks = (model.is_unknown(index), 2), (model.is_control(index), 3), (model.is_byte(index), 6)
        return next((number for true, number in marks if true), 4 if model.id_to_piece(index) == "<sep>" else 1)

    roles = {"unknown": model.unk_id(), "eos": model.eos_id(), "padding": model.pad_id(), "bos": model.bos_id()}
    return {
        f"{PRE}model": "llama" if bpe else "t5",
        f"{PRE}tokens": [model.id_to_piece(index) for index in numbers],
        f"{PRE}scores": [float(model.get_score(index)) for index in numbers],
        f"{PRE}token_type": [kind(index) for index in numbers],
        **{f"{PRE}{role}_token_id": index for role, index in roles.items() if index >= 0},
    }


def both(path):
    return [library.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name) for library in (transformers, bestiary)]


def assert_same(theirs, ours, texts=MARKED):
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.special_tokens_map.items() <= theirs.special_tokens_map.items()
    for text in texts:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"], text
        assert ours.decode(ours(text)["input_ids"]) == theirs.decode(theirs(text)["input_ids"]), text


@pytest.mark.parametrize("pre", ["gpt-2", "qwen2", "tekken", "gpt-4o", "smaug-bpe", "qwen35"])
def test_byte_level_vocabularies_are_the_references(pre, byte_level, tmp_path):
    assert_same(*both(file_of(tmp_path, {**byte_level, f"{PRE}pre": pre})))


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gpt2", "falcon", "starcoder2"])
def test_classes_are_those_of_the_families(architecture, byte_level, tmp_path):
    assert_same(*both(file_of(tmp_path, byte_level, architecture)))


def test_expressions_are_the_references():
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

    assert gguf.SPLITS == GGUF_PRE_TOKENIZER_SPLITS


@pytest.mark.parametrize("further", [{}, {"add_bos_token": False}, {"add_bos_token": True, "add_eos_token": True}])
def test_sentencepiece_vocabularies_are_the_references(further, pieces, tmp_path):
    unigram = pieces[f"{PRE}model"] == "t5"
    path = file_of(
        tmp_path, {**pieces, **{f"{PRE}{key}": value for key, value in further.items()}}, "t5" if unigram else "llama"
    )
    if unigram and further:
        pytest.skip("the reference adds the end token of T5 whatever the file says")
    assert_same(*both(path))


@pytest.mark.parametrize("architecture", ["phi3", "gemma2"])
def test_families_with_spaces_of_their_own(architecture, pieces, tmp_path):
    if pieces[f"{PRE}model"] == "t5":
        pytest.skip("these families have no unigram vocabularies")
    spaces = {f"{PRE}add_space_prefix": architecture == "phi3"}
    theirs, ours = both(file_of(tmp_path, {**pieces, **spaces}, architecture))
    for text in MARKED:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"], text


def test_no_space_is_put_before_a_text_where_the_file_says_so(pieces, tmp_path):
    tokenizer = bestiary.AutoTokenizer.from_pretrained(file_of(tmp_path, {**pieces, f"{PRE}add_space_prefix": False}))
    first = tokenizer.tokenize("text")[0]
    assert not first.startswith("▁")


def test_digits_are_cut_off_as_the_model_was_trained(byte_level, tmp_path):
    tokenizer = bestiary.AutoTokenizer.from_pretrained(file_of(tmp_path, {**byte_level, f"{PRE}pre": "smollm"}))
    assert tokenizer.tokenize("123") == ["1", "2", "3"]


def test_a_written_tokenizer_comes_back(byte_level, pieces, tmp_path):
    for metadata in (byte_level, pieces):
        first = bestiary.AutoTokenizer.from_pretrained(file_of(tmp_path, {**metadata, "tokenizer.chat_template": "{{ x }}"}))
        count = len(metadata[f"{PRE}tokens"])
        again = metadata_of(first, count + 3)
        assert again[f"{PRE}tokens"][:count] == metadata[f"{PRE}tokens"]
        assert again[f"{PRE}tokens"][count:] == [f"[PAD{index}]" for index in range(count, count + 3)]
        assert again[f"{PRE}token_type"][:count] == metadata[f"{PRE}token_type"]
        second = bestiary.AutoTokenizer.from_pretrained(file_of(tmp_path, again))
        assert [second(text)["input_ids"] for text in MARKED] == [first(text)["input_ids"] for text in MARKED]
        assert second.chat_template == "{{ x }}"
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, gguf_file="model.gguf")
        assert [theirs(text)["input_ids"] for text in MARKED] == [first(text)["input_ids"] for text in MARKED]


def test_named_templates_come_back(byte_level, tmp_path):
    tokenizer = bestiary.AutoTokenizer.from_pretrained(EMBEDDED)
    tokenizer.chat_template = {"default": "{{ a }}", "tools": "{{ b }}"}
    path = file_of(tmp_path, metadata_of(tokenizer, 4096))
    assert bestiary.AutoTokenizer.from_pretrained(path).chat_template == tokenizer.chat_template


def test_word_pieces_come_back(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "wor", "##ld", ",", "##s"]
    tokenizer = bestiary.BertTokenizer({word: index for index, word in enumerate(words)})
    metadata = metadata_of(tokenizer, len(words))
    assert metadata[f"{PRE}tokens"] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "▁hello", "▁wor", "ld", "▁,", "s"]
    opened = bestiary.AutoTokenizer.from_pretrained(file_of(tmp_path, metadata, "bert"))
    assert opened("Hello, worlds ?")["input_ids"] == tokenizer("Hello, worlds ?")["input_ids"]


WRONG = {
    "no vocabulary": ({f"{PRE}model": "llama"}, CorruptFile, "has no tokenizer in its metadata"),
    "kind": ({f"{PRE}model": "rwkv", f"{PRE}tokens": ["a"]}, UnknownArchitecture, "of the kind 'rwkv'"),
    "tokens": ({f"{PRE}model": "gpt2", f"{PRE}tokens": [1, 2]}, CorruptFile, "tokens is no list of str"),
    "types": (
        {f"{PRE}model": "gpt2", f"{PRE}tokens": ["a"], f"{PRE}token_type": [1, 1]},
        CorruptFile,
        "token_type has 2 values for 1 tokens",
    ),
    "scores": ({f"{PRE}model": "llama", f"{PRE}tokens": ["a"], f"{PRE}scores": [0.0] * 9}, CorruptFile, "scores has 9 values"),
    "role": ({f"{PRE}model": "gpt2", f"{PRE}tokens": ["a"], f"{PRE}bos_token_id": 7}, CorruptFile, "bos_token_id is 7"),
    "merge": ({f"{PRE}model": "gpt2", f"{PRE}tokens": ["a"], f"{PRE}merges": ["a b"]}, CorruptFile, "merge 'a' 'b'"),
    "merges": ({f"{PRE}model": "gpt2", f"{PRE}tokens": ["a"], f"{PRE}merges": ["ab"]}, CorruptFile, "'ab' is no merge"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_vocabulary_that_lies_is_refused_in_words(name, tmp_path):
    metadata, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        gguf.build(read_header(file_of(tmp_path, metadata)))


def test_tokens_that_stand_twice_keep_their_ids(tmp_path):
    path = file_of(tmp_path, {f"{PRE}model": "gpt2", f"{PRE}tokens": ["a", "b", "a"]})
    with pytest.warns(UserWarning, match="stand twice"):
        tokenizer = bestiary.AutoTokenizer.from_pretrained(path)
    assert tokenizer("aba", add_special_tokens=False)["input_ids"] == [0, 1, 0]


def test_what_has_no_name_in_gguf_is_refused(byte_level):
    tokenizer = bestiary.AutoTokenizer.from_pretrained(EMBEDDED)
    with pytest.raises(ConfigError, match="the tokenizer has 4096 tokens, the model embeddings for 4000"):
        metadata_of(tokenizer, 4000)
    stored = json.loads(tokenizer.backend_tokenizer.to_str())
    assert stored["model"]["type"] == "BPE"
    assert byte_level[f"{PRE}pre"] == "gpt-2"

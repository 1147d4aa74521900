"""Every family's tokenizer from every form of its files, against the reference; fuzzed with hard text."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.tokenizer_files import SAMPLES

from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.models.albert.tokenizer import AlbertTokenizer
from bestiary.models.bert.tokenizer import BertTokenizer
from bestiary.models.big_bird.tokenizer import BigBirdTokenizer
from bestiary.models.bloom.tokenizer import BloomTokenizer
from bestiary.models.camembert.tokenizer import CamembertTokenizer
from bestiary.models.clip.tokenizer import CLIPTokenizer
from bestiary.models.codegen.tokenizer import CodeGenTokenizer
from bestiary.models.cohere.tokenizer import CohereTokenizer
from bestiary.models.deberta.tokenizer import DebertaTokenizer
from bestiary.models.deberta_v2.tokenizer import DebertaV2Tokenizer
from bestiary.models.gemma.tokenizer import GemmaTokenizer
from bestiary.models.gpt2.tokenizer import GPT2Tokenizer
from bestiary.models.gpt_neox.tokenizer import GPTNeoXTokenizer
from bestiary.models.llama.tokenizer import LlamaTokenizer
from bestiary.models.mpnet.tokenizer import MPNetTokenizer
from bestiary.models.qwen2.tokenizer import Qwen2Tokenizer
from bestiary.models.reformer.tokenizer import ReformerTokenizer
from bestiary.models.roberta.tokenizer import RobertaTokenizer
from bestiary.models.t5.tokenizer import T5Tokenizer
from bestiary.models.xlm_roberta.tokenizer import XLMRobertaTokenizer
from bestiary.models.xlnet.tokenizer import XLNetTokenizer
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

CLASSES: dict[str, tuple[type[PreTrainedTokenizerFast], Any]] = {
    "bert": (BertTokenizer, transformers.BertTokenizer),
    "gpt2": (GPT2Tokenizer, transformers.GPT2Tokenizer),
    "gpt_neox": (GPTNeoXTokenizer, transformers.GPTNeoXTokenizer),
    "bloom": (BloomTokenizer, transformers.PreTrainedTokenizerFast),
    "codegen": (CodeGenTokenizer, transformers.CodeGenTokenizer),
    "cohere": (CohereTokenizer, transformers.CohereTokenizer),
    "gemma": (GemmaTokenizer, transformers.GemmaTokenizer),
    "qwen2": (Qwen2Tokenizer, transformers.Qwen2Tokenizer),
    "roberta": (RobertaTokenizer, transformers.RobertaTokenizer),
    "llama": (LlamaTokenizer, transformers.LlamaTokenizer),
    "t5": (T5Tokenizer, transformers.T5Tokenizer),
    "xlm_roberta": (XLMRobertaTokenizer, transformers.XLMRobertaTokenizer),
    "camembert": (CamembertTokenizer, transformers.CamembertTokenizer),
    "albert": (AlbertTokenizer, transformers.AlbertTokenizer),
    "big_bird": (BigBirdTokenizer, transformers.BigBirdTokenizer),
    "xlnet": (XLNetTokenizer, transformers.XLNetTokenizer),
    "reformer": (ReformerTokenizer, transformers.ReformerTokenizer),
    "mpnet": (MPNetTokenizer, transformers.MPNetTokenizer),
    "deberta_v2": (DebertaV2Tokenizer, transformers.DebertaV2Tokenizer),
    "deberta": (DebertaTokenizer, transformers.DebertaTokenizer),
    "clip": (CLIPTokenizer, transformers.CLIPTokenizer),
    "tiktoken": (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast),
    "llama3": (PreTrainedTokenizerFast, transformers.PreTrainedTokenizerFast),
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("bert", {}),
    ("bert", {"do_lower_case": False}),
    ("bert", {"strip_accents": True, "do_lower_case": False}),
    ("bert", {"strip_accents": False}),
    ("bert", {"tokenize_chinese_chars": False}),
    ("gpt2", {}),
    ("gpt2", {"add_prefix_space": True}),
    ("gpt2", {"add_bos_token": True}),
    ("gpt2", {"pad_token": "<pad>", "unk_token": "<u>"}),
    ("gpt_neox", {}),
    ("gpt_neox", {"add_prefix_space": True}),
    ("bloom", {}),
    ("codegen", {}),
    ("codegen", {"add_prefix_space": True}),
    ("cohere", {}),
    ("cohere", {"add_prefix_space": True, "add_bos_token": False}),
    ("gemma", {}),
    ("gemma", {"add_bos_token": True, "add_eos_token": True}),
    ("qwen2", {}),
    ("qwen2", {"add_prefix_space": True}),
    ("roberta", {}),
    ("roberta", {"add_prefix_space": True}),
    ("roberta", {"trim_offsets": False}),
    ("roberta", {"mask_token": "<unk>", "cls_token": "<pad>"}),
    ("llama", {}),
    ("llama", {"legacy": True}),
    ("llama", {"add_bos_token": True}),
    ("llama", {"add_bos_token": True, "add_eos_token": True}),
    ("llama", {"add_prefix_space": False}),
    ("t5", {}),
    ("t5", {"extra_ids": 7}),
    ("t5", {"extra_ids": 0}),
    ("xlm_roberta", {}),
    ("xlm_roberta", {"add_prefix_space": False}),
    ("camembert", {}),
    ("camembert", {"mask_token": "<hole>"}),
    ("big_bird", {}),
    ("big_bird", {"add_prefix_space": False}),
    ("albert", {}),
    ("albert", {"do_lower_case": False, "keep_accents": True}),
    ("xlnet", {}),
    ("xlnet", {"do_lower_case": True}),
    ("reformer", {}),
    ("mpnet", {}),
    ("mpnet", {"do_lower_case": False}),
    ("deberta_v2", {}),
    ("deberta_v2", {"do_lower_case": True, "split_by_punct": True, "add_prefix_space": False}),
    ("deberta", {}),
    ("deberta", {"add_prefix_space": True}),
    ("clip", {}),
    ("tiktoken", {}),
    ("llama3", {}),
]
EVERYTHING = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "return_token_type_ids": True}


def same(ours: Any, theirs: Any, text: str) -> None:
    # The reference takes an empty second text for none.
    for args in ((text,), (text, "hi the"), ("a", text or "b")):
        assert dict(ours(*args, **EVERYTHING)) == dict(theirs(*args, **EVERYTHING))
    ids = theirs(text)["input_ids"]
    for skip in (False, True):
        assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip)


@pytest.mark.filterwarnings("ignore:a text begins with")
@pytest.mark.parametrize(("kind", "options"), VARIANTS, ids=str)
def test_from_vocabulary_files(folder: Callable[[str], Path], kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    mine, reference = CLASSES[kind]
    ours, theirs = mine.from_pretrained(folder(kind), **options), reference.from_pretrained(folder(kind), **options)
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.padding_side == theirs.padding_side
    assert set(ours.model_input_names) == set(theirs.model_input_names)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    opened = [
        ours,
        mine.from_pretrained(tmp_path / "ours"),
        mine.from_pretrained(tmp_path / "theirs"),
    ]
    for text in SAMPLES:
        for one in opened:
            same(one, theirs, text)
        assert reference.from_pretrained(tmp_path / "ours")(text)["input_ids"] == theirs(text)["input_ids"]


@pytest.fixture(scope="module")
def opened(folder: Callable[[str], Path]) -> Callable[[str], tuple[Any, Any]]:
    @cache
    def open_both(kind: str) -> tuple[Any, Any]:
        both = tuple(one.from_pretrained(folder(kind)) for one in CLASSES[kind])
        for tokenizer in both:
            tokenizer.add_tokens(["<added>", "zwo wo"])
            tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>"]})
        return both  # type: ignore[return-value]

    return open_both


HARD = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            ["<added>", " <added> ", "zwo wo", "<|im_start|>", "</s>", "[SEP]", "<|endoftext|>", "▁", "\u200d", "ﬁ"]
        ),
        st.sampled_from(
            ["  ", "\n", "\t", "\u3000", "e\u0301", "日本", "🤖🏽", "Hello", " the", "don't", "1234", "\x00", "\ufeff"]
        ),
    ),
    max_size=8,
).map("".join)


@pytest.mark.filterwarnings("ignore:a text begins with")
@pytest.mark.parametrize("kind", CLASSES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(text=HARD)
def test_hard_text(opened: Callable[[str], tuple[Any, Any]], kind: str, text: str) -> None:
    ours, theirs = opened(kind)
    same(ours, theirs, text)
    options = {"truncation": True, "max_length": 7, "return_overflowing_tokens": True, "stride": 1, **EVERYTHING}
    assert dict(ours(text, **options)) == dict(theirs(text, **options))


@pytest.mark.parametrize("kind", ["gpt2", "tiktoken", "llama3"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(text=st.text(max_size=20))
def test_bytes_come_back_unchanged(opened: Callable[[str], tuple[Any, Any]], kind: str, text: str) -> None:
    ours = opened(kind)[0]
    assert ours.decode(ours(text, add_special_tokens=False)["input_ids"]) == text


def test_bert_without_word_splitting(folder: Callable[[str], Path]) -> None:
    ours = BertTokenizer.from_pretrained(folder("bert"), do_basic_tokenize=False)
    assert ours.tokenize("the, THE") == ["[UNK]", "[UNK]"]
    assert ours.tokenize("the fox") == BertTokenizer.from_pretrained(folder("bert")).tokenize("the fox")


def test_bert_glues_pieces(folder: Callable[[str], Path]) -> None:
    ours = BertTokenizer.from_pretrained(folder("bert"))
    tokens = ours.tokenize("Fibonaccis")
    assert any(token.startswith("##") for token in tokens)
    assert (
        ours.convert_tokens_to_string(tokens)
        == ours.decode(ours.encode("Fibonaccis", add_special_tokens=False))
        == "fibonaccis"
    )


def test_constructors_take_files(folder: Callable[[str], Path]) -> None:
    bert, gpt2 = folder("bert") / "vocab.txt", folder("gpt2")
    expected = BertTokenizer.from_pretrained(folder("bert")).get_vocab()
    for one in (BertTokenizer(bert), BertTokenizer(vocab_file=bert), BertTokenizer(vocab=dict(expected))):
        assert one.get_vocab() == expected
    files = gpt2 / "vocab.json", gpt2 / "merges.txt"
    for other in (GPT2Tokenizer(*files), GPT2Tokenizer(vocab_file=files[0], merges_file=files[1]), GPT2Tokenizer(files[0])):
        assert other.tokenize("the quick") == GPT2Tokenizer.from_pretrained(gpt2).tokenize("the quick")


def test_sentinels(folder: Callable[[str], Path]) -> None:
    ours = T5Tokenizer.from_pretrained(folder("t5"), extra_ids=12)
    assert ours.get_sentinel_tokens() == [f"<extra_id_{number}>" for number in range(12)]
    assert ours.get_sentinel_token_ids() == [len(ours) - 1 - number for number in range(12)]


def test_llama3_from_its_published_ranks(folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from bestiary.models.llama import tokenizer as module

    plain = LlamaTokenizer.from_pretrained(folder("tiktoken"))
    assert plain.special_tokens_map == {}
    size = len(plain)
    monkeypatch.setattr(module, "LLAMA3_RANKS", size)
    ours = LlamaTokenizer.from_pretrained(folder("tiktoken"))
    assert len(ours) == size + 256
    published = {
        "<|begin_of_text|>": 0,
        "<|end_of_text|>": 1,
        "<|start_header_id|>": 6,
        "<|end_header_id|>": 7,
        "<|eot_id|>": 9,
    }
    assert {token: ours.convert_tokens_to_ids(token) - size for token in published} == published
    assert ours("Hello")["input_ids"] == [size, *plain("Hello")["input_ids"]]


def test_prefix_space_where_none_can_be(folder: Callable[[str], Path]) -> None:
    with pytest.warns(BestiaryWarning, match="add_prefix_space=True changes nothing"):
        ours = PreTrainedTokenizerFast.from_pretrained(folder("generic"), add_prefix_space=True)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder("generic"), add_prefix_space=True)
    assert ours("Hello the")["input_ids"] == theirs("Hello the")["input_ids"]


@pytest.mark.parametrize("value", [True, False])
def test_prefix_space_of_a_tokenizer_of_no_family(folder: Callable[[str], Path], value: bool) -> None:
    """It splits as its file says, whose pre-tokenizer could put a space."""
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=f"add_prefix_space={value} changes nothing: .* as its file says"):
        ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"), add_prefix_space=value)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder("llama3"), add_prefix_space=value)
    assert ours("the a")["input_ids"] == theirs("the a")["input_ids"]
    assert ours.add_prefix_space is theirs.add_prefix_space is value


def test_command_r_plans_tools_and_cites_documents(folder: Callable[[str], Path]) -> None:
    ours, theirs = (kind.from_pretrained(folder("cohere")) for kind in CLASSES["cohere"])
    for tokenizer in (ours, theirs):
        tokenizer.chat_template = {
            "tool_use": "{% for tool in tools %}{{ tool.name }}{% endfor %}{{ messages[0].content }}",
            "rag": "{{ citation_mode }}{{ documents[0].text }}{{ messages[0].content }}",
        }
    chat, tools, documents = [{"role": "user", "content": "Hello"}], [{"name": "look"}], [{"title": "a", "text": "the dog"}]
    for options in ({"tokenize": False}, {"return_dict": False}):
        planned = ours.apply_tool_use_template(chat, tools, **options)
        assert planned == theirs.apply_tool_use_template(chat, tools, **options)
        for mode in ({}, {"citation_mode": "fast"}):
            cited = ours.apply_grounded_generation_template(chat, documents, **mode, **options)
            assert cited == theirs.apply_grounded_generation_template(chat, documents, **mode, **options)

"""Tokenizers of encoder-decoders beside the reference, and those with a token for each language."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.tokenizer_files import SAMPLES

from bestiary import AutoTokenizer, pipeline
from bestiary.core.errors import ArgumentError, InputError
from bestiary.core.logging import BestiaryWarning
from bestiary.models.blenderbot.tokenizer import BlenderbotTokenizer
from bestiary.models.m2m_100.nllb_tokenizer import LANGUAGES, NllbTokenizer
from bestiary.models.m2m_100.tokenizer import M2M100Tokenizer
from bestiary.models.marian.tokenizer import MarianTokenizer
from bestiary.models.mbart.tokenizer import MBart50Tokenizer, MBartTokenizer
from bestiary.models.pegasus.tokenizer import PegasusTokenizer

# Texts that the model's own table of characters leaves as they are: 5.23 leaves that table of mBART out.
PLAIN = [text for text in SAMPLES if text.isascii()]


@pytest.mark.parametrize("options", [{}, {"src_lang": "de_DE", "tgt_lang": "fr_XX"}], ids=str)
def test_mbart(folder: Callable[[str], Path], options: dict[str, Any], tmp_path: Path) -> None:
    ours, theirs = (
        kind.from_pretrained(folder("xlm_roberta"), **options) for kind in (MBartTokenizer, transformers.MBartTokenizer)
    )
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.lang_code_to_id == theirs.lang_code_to_id
    ours.save_pretrained(tmp_path)
    for one in (ours, MBartTokenizer.from_pretrained(tmp_path)):
        for text in PLAIN:
            assert dict(one(text, text_target=text)) == dict(theirs(text, text_target=text))
            assert dict(one(text_target=text)) == dict(theirs(text_target=text))
            assert one(text, "the").input_ids == theirs(text, "the").input_ids
    for tokenizer in (ours, theirs):
        tokenizer.src_lang, tokenizer.tgt_lang = "ro_RO", "it_IT"
    assert dict(ours("the", text_target="fox")) == dict(theirs("the", text_target="fox"))
    assert len(PLAIN) > 2


def behave_alike(ours: Any, theirs: Any) -> None:
    """Texts, pairs and targets have the same ids, and the ids the same texts."""
    for text in SAMPLES:
        assert dict(ours(text, text_target=text)) == dict(theirs(text, text_target=text))
        assert ours(text, "the").input_ids == theirs(text, "the").input_ids
        ids = theirs(text).input_ids
        for skip in (False, True):
            assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip)


@pytest.mark.parametrize("options", [{}, {"src_lang": "sl_SI", "tgt_lang": "fr_XX"}], ids=str)
def test_mbart50(folder: Callable[[str], Path], options: dict[str, Any], tmp_path: Path) -> None:
    ours, theirs = (
        kind.from_pretrained(folder("xlm_roberta"), **options) for kind in (MBart50Tokenizer, transformers.MBart50Tokenizer)
    )
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.lang_code_to_id == theirs.lang_code_to_id
    behave_alike(ours, theirs)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    for path in tmp_path.iterdir():
        behave_alike(AutoTokenizer.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path))


@pytest.mark.parametrize("options", [{}, {"src_lang": "zul_Latn", "tgt_lang": "fra_Latn", "legacy_behaviour": True}], ids=str)
def test_nllb(folder: Callable[[str], Path], options: dict[str, Any], tmp_path: Path) -> None:
    ours = NllbTokenizer.from_pretrained(folder("nllb"), **options)
    # From the model's file alone 5.23 makes a tokenizer without languages, and with them behind the mask's token.
    theirs = transformers.NllbTokenizer.from_pretrained(folder("nllb"), additional_special_tokens=list(LANGUAGES))
    for text in SAMPLES:
        assert ours.tokenize(text) == theirs.tokenize(text)
    assert set(ours.get_vocab()) == set(theirs.get_vocab())
    assert ours.convert_ids_to_tokens(range(301, 504)) == [*LANGUAGES, "<mask>"]  # as in the published tokenizer.json
    ours.save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert type(theirs) is transformers.NllbTokenizer
    assert ours.get_vocab() == theirs.get_vocab()
    for one in (ours, AutoTokenizer.from_pretrained(tmp_path)):
        assert type(one) is NllbTokenizer
        behave_alike(one, theirs)
    for tokenizer in (ours, theirs):
        tokenizer.src_lang, tokenizer.tgt_lang = "ace_Arab", "ydd_Hebr"
    behave_alike(ours, theirs)
    with pytest.raises(ArgumentError, match="knows no language 'eng_Latin'. Did you mean 'eng_Latn'"):
        ours.src_lang = "eng_Latin"


def test_m2m_100(folder: Callable[[str], Path], tmp_path: Path) -> None:
    ours = M2M100Tokenizer.from_pretrained(folder("m2m_100"), src_lang="de", tgt_lang="ro")
    # 5.23 takes languages for special tokens where a file says so, as published ones do.
    marks = [f"__{code}__" for code in ours.languages]
    options = {"src_lang": "de", "tgt_lang": "ro", "additional_special_tokens": marks}
    theirs = transformers.M2M100Tokenizer.from_pretrained(folder("m2m_100"), **options)
    assert ours.get_vocab() == theirs.get_vocab()
    assert (len(ours), ours.vocab_size, ours.get_lang_id("zu")) == (len(theirs), theirs.vocab_size, theirs.get_lang_id("zu"))
    ours.save_pretrained(tmp_path)
    for one in (ours, AutoTokenizer.from_pretrained(tmp_path)):
        assert type(one) is M2M100Tokenizer
        behave_alike(one, theirs)
        assert [one.tokenize(text) for text in SAMPLES] == [theirs.tokenize(text) for text in SAMPLES]
    behave_alike(ours, transformers.AutoTokenizer.from_pretrained(tmp_path))
    ours.src_lang = theirs.src_lang = "fr"
    assert ours("the").input_ids == theirs("the").input_ids
    with pytest.raises(ArgumentError, match="knows no language 'eng'. Did you mean 'en'"):
        ours.get_lang_id("eng")
    with pytest.warns(BestiaryWarning, match="the most probable split is taken"):
        M2M100Tokenizer.from_pretrained(folder("m2m_100"), sp_model_kwargs={"enable_sampling": True})
    with pytest.raises(ArgumentError, match="language_codes is 'all'"):
        M2M100Tokenizer.from_pretrained(folder("m2m_100"), language_codes="all")


@pytest.mark.parametrize("options", [{}, {"separate_vocabs": True}], ids=str)
def test_marian(folder: Callable[[str], Path], options: dict[str, Any], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that the reference would have for another task
        ours, theirs = (
            kind.from_pretrained(folder("marian"), **options) for kind in (AutoTokenizer, transformers.MarianTokenizer)
        )
        assert type(ours) is MarianTokenizer
        ours.save_pretrained(tmp_path)
        again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert ours.supported_language_codes == theirs.supported_language_codes
    for one in (ours, MarianTokenizer.from_pretrained(tmp_path)):
        behave_alike(one, theirs)
        for text in [*SAMPLES, ">>fra<< the fox", ">>deu<< the", ">> the"]:
            assert one.tokenize(text) == theirs.tokenize(text)
            ids = one(text_target=text).input_ids
            assert ids == theirs(text_target=text).input_ids
            for source in (False, True):
                expected = theirs.batch_decode([ids], use_source_tokenizer=source)
                assert one.batch_decode([ids], use_source_tokenizer=source) == expected
    behave_alike(ours, again)
    assert ours.get_vocab() == theirs.get_vocab()
    (tmp_path / "target_vocab.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match="no target_vocab.json"):
        MarianTokenizer.from_pretrained(tmp_path, separate_vocabs=True)


def test_translation_of_one_pair(folder: Callable[[str], Path], tmp_path: Path) -> None:
    tokenizer = MarianTokenizer.from_pretrained(folder("marian"))
    sizes = {f"{half}_{name}": 2 for half in ("encoder", "decoder") for name in ("layers", "attention_heads", "ffn_dim")}
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    ids = {"pad_token_id": pad, "eos_token_id": end, "forced_eos_token_id": end, "decoder_start_token_id": pad}
    config = transformers.MarianConfig(vocab_size=len(tokenizer), d_model=16, init_std=0.5, **ids, **sizes)
    model = transformers.MarianMTModel(config).eval()
    for part in (tokenizer, model):
        part.save_pretrained(tmp_path)
    expected = model.generate(**tokenizer(["the quick fox"], return_tensors="pt"), max_new_tokens=8)
    answer = pipeline("translation_en_to_fr", model=str(tmp_path))("the quick fox", max_new_tokens=8)
    assert answer == [{"translation_text": tokenizer.decode(expected[0], skip_special_tokens=True)}]


def test_a_language_that_does_not_exist(folder: Callable[[str], Path]) -> None:
    ours = MBartTokenizer.from_pretrained(folder("xlm_roberta"))
    with pytest.raises(ArgumentError, match="knows no language 'en_EN'. Did you mean"):
        ours.src_lang = "en_EN"
    with pytest.raises(ArgumentError, match="knows no language 'e'"):  # a token, and of no language
        ours.tgt_lang = "e"
    assert (ours.src_lang, ours.tgt_lang) == ("en_XX", None)


def test_translation_by_languages(folder: Callable[[str], Path], tmp_path: Path) -> None:
    tokenizer = transformers.MBartTokenizer.from_pretrained(folder("xlm_roberta"))
    sizes = {f"{half}_{name}": 2 for half in ("encoder", "decoder") for name in ("layers", "attention_heads", "ffn_dim")}
    config = transformers.MBartConfig(vocab_size=len(tokenizer), d_model=16, init_std=0.5, **sizes)
    model = transformers.MBartForConditionalGeneration(config).eval()
    for part in (tokenizer, model):
        part.save_pretrained(tmp_path)
    tokenizer.src_lang = "de_DE"
    start = tokenizer.lang_code_to_id["ro_RO"]
    ids = model.generate(**tokenizer(["the quick fox"], return_tensors="pt"), forced_bos_token_id=start, max_new_tokens=8)
    translate = pipeline("translation", model=str(tmp_path), return_tensors=True)
    answer = translate("the quick fox", src_lang="de_DE", tgt_lang="ro_RO", max_new_tokens=8)
    assert torch.equal(torch.tensor(answer[0]["translation_token_ids"]), ids[0])
    with pytest.raises(ArgumentError, match="knows no language 'rumanian'"):
        translate("the", src_lang="de_DE", tgt_lang="rumanian")


@pytest.mark.parametrize(("kind", "options"), [("pegasus", {}), ("pegasus", {"offset": 5}), ("roberta", {})], ids=str)
def test_pegasus_and_blenderbot(folder: Callable[[str], Path], kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    name = "PegasusTokenizer" if kind == "pegasus" else "BlenderbotTokenizer"
    mine: Any = PegasusTokenizer if kind == "pegasus" else BlenderbotTokenizer
    ours, theirs = (each.from_pretrained(folder(kind), **options) for each in (mine, getattr(transformers, name)))
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.extra_special_tokens == theirs.extra_special_tokens
    # Of Blenderbot's vocabulary files alone 5.23 builds a tokenizer that does not end texts, as its tokenizer.json does.
    end = [ours.eos_token_id] if kind == "roberta" else []
    ours.save_pretrained(tmp_path)
    for one in (ours, mine.from_pretrained(tmp_path)):
        for text in SAMPLES:
            ids = one(text).input_ids
            assert ids == theirs(text).input_ids + end
            assert one.decode(ids) == theirs.decode(ids)
            assert one(text, "the").input_ids == theirs(text, "the").input_ids + end

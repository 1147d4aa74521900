"""Text to text, summarization and translation, against stored answers of the reference's last release that had them."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from kit import checkpoints
from kit.pipelines import ours, same

from bestiary.core.errors import ArgumentError, InputError
from bestiary.pipelines import pipeline

GOLDEN = Path(__file__).parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from make_pipelines import WRITING  # noqa: E402

STORED = json.loads((GOLDEN / "pipelines.json").read_text())["writing"]
TEXTS = checkpoints.TEXTS


def made(task: str = "text2text-generation") -> Any:
    return ours(task, checkpoints.fixed_t5())


@pytest.mark.parametrize("number", range(len(WRITING)))
def test_answers(number: int) -> None:
    task, inputs, options = WRITING[number]
    same(made(task)(inputs, **options), STORED[number])


def test_batches_change_nothing() -> None:
    expected = [made("summarization")(text)[0] for text in TEXTS[:5]]
    same(made("summarization")(TEXTS[:5]), expected)
    same(made("summarization")(*TEXTS[:5], batch_size=2), expected)
    same([answer[0] for answer in made("summarization")(iter(TEXTS[:5]))], expected)


def test_a_generate_that_gives_a_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    writing = pipeline("summarization", checkpoints.fixed_t5(), device="cpu")
    inner = writing.model.generate
    monkeypatch.setattr(writing.model, "generate", lambda **options: inner(**options).sequences)
    same(writing(TEXTS[:5]), made("summarization")(TEXTS[:5]))
    same(
        writing(TEXTS[0], num_beams=2, num_return_sequences=2),
        made("summarization")(TEXTS[0], num_beams=2, num_return_sequences=2),
    )


def test_languages_by_keyword() -> None:
    named = made("translation_en_to_fr")(TEXTS[0], max_new_tokens=5)
    same(made("translation")(TEXTS[0], src_lang="en", tgt_lang="fr", max_new_tokens=5), named)
    with pytest.raises(ArgumentError, match="says nothing of translation_en_to_xx"):
        made("translation")(TEXTS[0], src_lang="en", tgt_lang="xx")
    with pytest.raises(ArgumentError, match="pass both"):
        made("translation")(TEXTS[0], src_lang="en")


def test_why_a_text_ended_and_what_was_cut() -> None:
    (answer,) = made()(TEXTS[5], truncation=True, max_new_tokens=3, return_details=True)
    assert answer["finish_reason"] == "length"
    assert answer["dropped_tokens"] == len(checkpoints.unigram()(TEXTS[5])["input_ids"]) - 64
    (answer,) = made()(
        TEXTS[0],
        max_new_tokens=3,
        return_details=True,
        eos_token_id=made()(TEXTS[0], max_new_tokens=1, return_tensors=True)[0]["generated_token_ids"][1],
    )
    assert answer["finish_reason"] == "eos"


def test_several_answers() -> None:
    rows = made()(TEXTS[:2], num_return_sequences=2, do_sample=True, max_new_tokens=3)
    assert [len(row) for row in rows] == [2, 2]


def test_beams_of_a_checkpoint(tmp_path: Path) -> None:
    """`task_specific_params` and generation_config.json may ask for beams; the call goes before them."""
    shutil.copytree(checkpoints.fixed_t5(), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["task_specific_params"]["summarization"] |= {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    texts = TEXTS[:4]
    plain = ours("summarization", checkpoints.fixed_t5())
    made = ours("summarization", tmp_path)
    asked = plain(texts, num_beams=4, length_penalty=2.0, early_stopping=True)
    assert made(texts) == asked
    assert made(texts) != plain(texts) == made(texts, num_beams=1)
    reference = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    inputs = made.tokenizer([f"hello: {text}" for text in texts], return_tensors="pt", padding=True)
    wanted = reference.generate(**inputs, num_beams=4, length_penalty=2.0, early_stopping=True, max_length=9)
    assert [one["summary_text"] for one in asked] == made.tokenizer.batch_decode(wanted, skip_special_tokens=True)
    several = made(texts[0], num_return_sequences=3)
    assert several[:1] == asked[:1]
    assert len({one["summary_text"] for one in several}) == 3


def test_wrong_use() -> None:
    with pytest.raises(InputError, match="a text was expected"):
        made()(3)
    with pytest.raises(ArgumentError, match="Did you mean 'max_new_tokens'"):
        made()(TEXTS[0], max_new_token=3)
    with pytest.raises(ArgumentError, match="exclude"):
        made()(TEXTS[0], return_tensors=True, return_text=True)

"""BART beyond the parity suite: generation, padding, published folders, resizing, pipelines."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import pipelines
from kit.tokenizer_files import TEXT, write

from bestiary.auto import AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer
from bestiary.core.errors import InputError
from bestiary.models.bart import (
    BartConfig,
    BartForCausalLM,
    BartForConditionalGeneration,
    BartForSequenceClassification,
    BartModel,
    BartTokenizer,
)
from bestiary.pipelines import pipeline

SIZES: dict[str, Any] = {
    "vocab_size": 500,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 60,
    # The tokenizer of the test numbers <s>, <pad>, </s>, <unk>, <mask> so, as the published one does.
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
}


MAKERS = (pipelines.ours, pipelines.reference)


def publish(name: str, folder: Path, **values: Any) -> tuple[Path, Any]:
    """A folder as the reference writes it, model and tokenizer, and the reference's model."""
    torch.manual_seed(0)
    model = getattr(transformers, name)(transformers.BartConfig(**{**SIZES, **values})).eval()
    with torch.no_grad():
        for weight in (*model.parameters(), *model.buffers()):
            weight.add_(torch.randn_like(weight) * 0.2)
    model.save_pretrained(folder)
    words = write("roberta", folder.parent)
    transformers.BartTokenizer.from_pretrained(words, model_max_length=60).save_pretrained(folder)
    return folder, model


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    return publish("BartForConditionalGeneration", tmp_path_factory.mktemp("bart") / "lm")


def batch(side: str = "right") -> dict[str, torch.Tensor]:
    rows = [[0, 17, 28, 39, 40, 2], [0, 51, 62, 2], [0, 73, 84, 95, 106, 117, 128, 2]]
    width = max(map(len, rows))
    ids = [[1] * (width - len(row)) + row if side == "left" else row + [1] * (width - len(row)) for row in rows]
    tensor = torch.tensor(ids)
    return {"input_ids": tensor, "attention_mask": (tensor != 1).long()}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_beams": 3},
        {"num_beams": 4, "length_penalty": 2.0, "no_repeat_ngram_size": 3, "min_length": 5, "early_stopping": True},
        {"num_beams": 3, "num_return_sequences": 2},
        {"do_sample": True, "top_k": 20},
        {"decoder_input_ids": torch.tensor([[2, 0, 17]] * 3)},
        {"forced_bos_token_id": 0},
        {"use_cache": False},
        {"cache_implementation": "static"},
    ],
    ids=lambda options: "-".join(options) or "greedy",
)
def test_generates_the_references_tokens(published: tuple[Path, Any], options: dict[str, Any]) -> None:
    folder, reference = published
    ours = AutoModelForSeq2SeqLM.from_pretrained(folder)
    assert isinstance(ours, BartForConditionalGeneration)
    tokens = []
    for model in (reference, ours):
        torch.manual_seed(0)
        tokens.append(model.generate(**batch(), max_new_tokens=9, repetition_penalty=2.0, **options))
    assert torch.equal(tokens[1], tokens[0])
    assert len(set(tokens[1].flatten().tolist())) > 5
    assert set(tokens[1][:, -1].tolist()) <= {1, 2}  # forced_eos_token_id, or padding behind it


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_writes_what_its_rows_write_alone(published: tuple[Path, Any], side: str, num_beams: int) -> None:
    model = BartForConditionalGeneration.from_pretrained(published[0])
    together = model.generate(**batch(side), max_new_tokens=9, num_beams=num_beams)
    for row, ids in enumerate(batch(side)["input_ids"]):
        alone = model.generate(ids[ids != 1][None], max_new_tokens=9, num_beams=num_beams)[0]
        assert torch.equal(together[row, : len(alone)], alone)
        assert (together[row, len(alone) :] == 1).all()


@torch.no_grad()
def test_a_decoder_alone_takes_its_words_from_the_shared_table_of_a_whole_checkpoint(published: tuple[Path, Any]) -> None:
    folder, reference = published
    decoder = BartForCausalLM.from_pretrained(folder)
    assert not decoder.load_report.initialised
    ids, memory = batch()["input_ids"][2:], torch.randn(1, 5, 32)
    states = reference.model.decoder(ids, encoder_hidden_states=memory).last_hidden_state
    torch.testing.assert_close(
        decoder(ids, encoder_hidden_states=memory).logits, reference.lm_head(states), rtol=1e-5, atol=1e-5
    )


@torch.no_grad()
def test_tables_that_differ_are_kept_apart_in_a_decoder_alone(tmp_path: Path) -> None:
    folder, reference = publish("BartForConditionalGeneration", tmp_path / "untied", tie_word_embeddings=False)
    decoder = BartForCausalLM.from_pretrained(folder)
    assert torch.equal(decoder.get_input_embeddings().weight, reference.model.decoder.embed_tokens.weight)
    assert torch.equal(decoder.lm_head.weight, reference.lm_head.weight)


@torch.no_grad()
def test_a_model_without_a_head_opens_with_a_bias_of_zero(tmp_path: Path) -> None:
    folder, reference = publish("BartModel", tmp_path / "bare")
    with pytest.warns(UserWarning, match="final_logits_bias"):
        model = BartForConditionalGeneration.from_pretrained(folder)
    assert not model.final_logits_bias.any()
    inputs = batch()
    expected = reference(**inputs).last_hidden_state @ reference.shared.weight.T
    torch.testing.assert_close(model(**inputs).logits, expected, rtol=1e-5, atol=1e-4)
    assert BartModel.from_pretrained(folder).load_report.unused == []


@pytest.mark.parametrize("tied", [True, False])
@torch.no_grad()
def test_a_larger_vocabulary_has_a_larger_bias(tied: bool, tmp_path: Path) -> None:
    folder, _ = publish("BartForConditionalGeneration", tmp_path / "lm", tie_word_embeddings=tied)
    model = BartForConditionalGeneration.from_pretrained(folder)
    before = model(**batch()).logits
    model.resize_token_embeddings(510)
    assert model.final_logits_bias.shape == (1, 510)
    assert not model.final_logits_bias[:, 500:].any()
    torch.testing.assert_close(model(**batch()).logits[..., :500], before, rtol=0, atol=1e-6)
    new = batch()["input_ids"].masked_fill(batch()["input_ids"] == 17, 505)
    assert model(new, batch()["attention_mask"]).logits.shape[-1] == 510
    model.save_pretrained(tmp_path / "grown")
    reference = transformers.BartForConditionalGeneration.from_pretrained(tmp_path / "grown").eval()
    again = BartForConditionalGeneration.from_pretrained(tmp_path / "grown")
    expected = reference(new, batch()["attention_mask"]).logits
    torch.testing.assert_close(again(new, batch()["attention_mask"]).logits, expected, rtol=1e-5, atol=1e-4)


def test_positions_beyond_the_table_are_counted_from_zero() -> None:
    model = BartModel(BartConfig(**SIZES))
    with pytest.raises(InputError, match="61 positions, and this model knows 60"):
        model(torch.full((1, 61), 7))


def test_settings_of_older_files_reach_generation(published: tuple[Path, Any], tmp_path: Path) -> None:
    model = BartForConditionalGeneration.from_pretrained(published[0])
    model.save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").unlink()
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "num_beams": 4, "no_repeat_ngram_size": 3, "max_length": 12}))
    again = BartForConditionalGeneration.from_pretrained(tmp_path)
    settings = again.generation_config
    assert (settings.num_beams, settings.no_repeat_ngram_size, settings.max_length) == (4, 3, 12)
    assert settings.forced_eos_token_id == 2
    assert again.generate(**batch()).shape[1] <= 12


def test_it_fills_masks_too(published: tuple[Path, Any]) -> None:
    folder, _ = published
    assert isinstance(AutoModelForMaskedLM.from_pretrained(folder), BartForConditionalGeneration)
    text = "Hello world, how are <mask> today?"
    # The reference writes its own class into the folder, RobertaTokenizer; it is the same tokenizer.
    assert AutoTokenizer.from_pretrained(folder)(text) == BartTokenizer.from_pretrained(folder)(text)
    pipelines.same(pipelines.ours("fill-mask", folder)(text), pipelines.reference("fill-mask", folder)(text))


@pytest.mark.parametrize(
    ("task", "key"),
    [
        ("summarization", "summary_text"),
        ("text2text-generation", "generated_text"),
        ("translation_en_to_de", "translation_text"),
    ],
)
def test_text_becomes_text(published: tuple[Path, Any], task: str, key: str) -> None:
    folder, reference = published
    answers = pipeline(task, folder)(TEXT[:2], max_new_tokens=8, num_beams=2)
    tokenizer = transformers.BartTokenizer.from_pretrained(folder)
    inputs = tokenizer(TEXT[:2], return_tensors="pt", padding=True)
    tokens = reference.generate(**inputs, max_new_tokens=8, num_beams=2)
    assert [answer[key] for answer in answers] == tokenizer.batch_decode(tokens, skip_special_tokens=True)


def test_classes_and_answers(tmp_path: Path) -> None:
    labels = {"id2label": {0: "contradiction", 1: "neutral", 2: "entailment"}}
    labels["label2id"] = {label: index for index, label in labels["id2label"].items()}  # type: ignore[misc]
    entailing, _ = publish("BartForSequenceClassification", tmp_path / "mnli", **labels)
    choices = {"candidate_labels": ["animals", "numbers", "places"]}
    for many in (False, True):
        call = {**choices, "multi_label": many}
        found, expected = (
            make("zero-shot-classification", entailing)(TEXT[1], **call) for make in (pipelines.ours, pipelines.reference)
        )
        pipelines.same(found, expected)
    found, expected = (make("text-classification", entailing)(TEXT[:3]) for make in (pipelines.ours, pipelines.reference))
    pipelines.same(found, expected)
    answering, _ = publish("BartForQuestionAnswering", tmp_path / "qa")
    question = {"question": "who sleeps?", "context": TEXT[1]}
    found = pipelines.ours("question-answering", answering)(**question)
    assert found["answer"] in TEXT[1]


def test_a_text_without_its_end_is_told() -> None:
    with pytest.raises(InputError, match="row 0 of input_ids has no end-of-sequence token"):
        BartForSequenceClassification(BartConfig(**SIZES))(torch.tensor([[0, 7, 8]]))

"""What is special to RoBERTa: positions that begin later than 0, also in generation, its tokenizer's pairs, its pipelines."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit import tokenizer_files
from kit.checkpoints import TEXTS, save
from kit.families import spread
from kit.folders import kept_folder
from kit.pipelines import ours, reference, same

from bestiary import AutoModelForCausalLM, AutoTokenizer, RobertaConfig, RobertaForSequenceClassification, RobertaModel
from bestiary.core.errors import CapacityError, CorruptFile, InputError
from bestiary.models.roberta.tokenizer import RobertaTokenizer

TINY: dict[str, Any] = {"vocab_size": 500, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
TINY |= {"intermediate_size": 48, "max_position_embeddings": 66, "type_vocab_size": 1, "initializer_range": 0.3}
ROWS = [[0, 17, 33, 40, 99, 12], [0, 28], [0, 401, 7, 8]]


@functools.cache
def checkpoint(name: str) -> Path:
    root = kept_folder("vocabularies")
    tokenizer = transformers.RobertaTokenizer.from_pretrained(tokenizer_files.write("roberta", root), model_max_length=64)
    labels = {0: "B-ONE", 1: "I-ONE", 2: "O"} if "Token" in name else {0: "LABEL_0", 1: "LABEL_1"}
    return save(transformers.RobertaConfig(**TINY, id2label=labels, is_decoder="Causal" in name), name, tokenizer)


def batch(side: str) -> dict[str, torch.Tensor]:
    longest = max(map(len, ROWS))
    rows = [[1] * (longest - len(row)) + row if side == "left" else row + [1] * (longest - len(row)) for row in ROWS]
    ids = torch.tensor(rows)
    return {"input_ids": ids, "attention_mask": (ids != 1).long()}


@pytest.fixture(scope="module")
def decoders() -> tuple[Any, Any]:
    folder = checkpoint("RobertaForCausalLM")
    return AutoModelForCausalLM.from_pretrained(folder), transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_states_are_the_references_at_padding_too(side: str) -> None:
    folder = checkpoint("RobertaModel")
    model, theirs = RobertaModel.from_pretrained(folder), transformers.RobertaModel.from_pretrained(folder).eval()
    inputs = batch(side)
    found, expected = model(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("use_cache", [True, False])
@torch.no_grad()
def test_greedy_tokens_are_the_references(decoders: tuple[Any, Any], use_cache: bool) -> None:
    model, theirs = decoders
    options = {"max_new_tokens": 8, "do_sample": False, "use_cache": use_cache, "eos_token_id": None}
    inputs = batch("left")
    # By itself the reference's generate counts from 0, unlike its forward, which is what the weights were trained with.
    positions = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0) + 2
    found = model.generate(**inputs, **options)
    assert found.tolist() == theirs.generate(**inputs, position_ids=positions, **options).tolist()
    for row, tokens in zip(ROWS, found.tolist(), strict=True):
        alone = torch.tensor([row])
        assert model.generate(alone, attention_mask=torch.ones_like(alone), **options)[0, len(row) :].tolist() == tokens[6:]
        logits = theirs(torch.tensor([[*row, *tokens[6:]]])).logits[0]
        assert logits[len(row) - 1 : -1].argmax(-1).tolist() == tokens[6:]


@pytest.mark.parametrize("implementation", ["static", "dynamic", "offloaded"])
@torch.no_grad()
def test_every_cache_counts_from_there(decoders: tuple[Any, Any], implementation: str) -> None:
    model, inputs = decoders[0], batch("left")
    options = {"max_new_tokens": 8, "eos_token_id": None}
    expected = model.generate(**inputs, **options, use_cache=False)
    assert model.generate(**inputs, **options, cache_implementation=implementation).tolist() == expected.tolist()


def test_requests_that_share_a_cache_count_from_there(decoders: tuple[Any, Any]) -> None:
    model = decoders[0]
    options = {"max_new_tokens": 8, "eos_token_id": None}
    found = model.generate_batch(ROWS, **options)
    for row, output in zip(ROWS, found.values(), strict=True):
        ids = torch.tensor([row])
        expected = model.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, len(row) :]
        assert list(output.generated_tokens) == expected.tolist()


def test_the_table_has_room_for_two_tokens_less(decoders: tuple[Any, Any]) -> None:
    model = decoders[0]
    assert model.context_length() == 64
    ids = torch.full((1, 65), 7)
    with pytest.raises(InputError, match="65 positions, and this model knows 64; cut 1 tokens"):
        model(ids)
    with pytest.raises(CapacityError, match="room for 64"):
        model.generate(ids, attention_mask=torch.ones_like(ids))
    assert model(ids[:, :64]).logits.shape == (1, 64, 500)


@torch.no_grad()
def test_a_text_is_classified_by_its_first_real_token() -> None:
    torch.manual_seed(0)
    model = RobertaForSequenceClassification(RobertaConfig(**TINY)).eval()
    spread(model)
    right, left = model(**batch("right")).logits, model(**batch("left")).logits
    torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


def test_pairs_and_masks() -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("RobertaForMaskedLM"))
    assert isinstance(tokenizer, RobertaTokenizer)
    assert tokenizer.decode(tokenizer("Hello", "world")["input_ids"]) == "<s>Hello</s></s>world</s>"
    theirs = transformers.AutoTokenizer.from_pretrained(checkpoint("RobertaForMaskedLM"))
    assert tokenizer.tokenize("Hello <mask>") == theirs.tokenize("Hello <mask>")


def test_a_vocabulary_of_another_family_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorruptFile, match="lacks '</s>', which RobertaTokenizer puts around texts"):
        RobertaTokenizer.from_pretrained(tokenizer_files.write("gpt2", tmp_path))


PIPELINES: list[tuple[str, str, Any]] = [
    ("fill-mask", "RobertaForMaskedLM", ["Hello <mask>", "The quick brown<mask> jumps over the dog"]),
    ("text-classification", "RobertaForSequenceClassification", TEXTS[:4]),
    ("token-classification", "RobertaForTokenClassification", TEXTS[:2]),
    ("feature-extraction", "RobertaModel", TEXTS[:3]),
]


@pytest.mark.parametrize(("task", "name", "inputs"), PIPELINES, ids=[row[0] for row in PIPELINES])
def test_pipelines_answer_as_the_reference(task: str, name: str, inputs: Any) -> None:
    folder = checkpoint(name)
    expected = reference(task, folder)(inputs)
    for options in ({}, {"batch_size": 2}):
        same(ours(task, folder)(inputs, **options), expected, task)


@torch.no_grad()
def test_an_answer_is_the_most_probable_span_of_the_references_logits() -> None:
    folder, question, context = checkpoint("RobertaForQuestionAnswering"), "Who is it?", "My name is Sarah."
    found = ours("question-answering", folder)(question=question, context=context)
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(question, context, return_offsets_mapping=True)
    output = transformers.RobertaForQuestionAnswering.from_pretrained(folder).eval()(torch.tensor([encoded["input_ids"]]))
    inside = torch.tensor([part == 1 for part in encoded.sequence_ids()])
    hidden = ~inside & (torch.tensor(encoded["input_ids"]) != 0)
    starts, ends = (x[0].masked_fill(hidden, -torch.inf).softmax(-1) * inside for x in (output.start_logits, output.end_logits))
    spans = (starts[:, None] * ends[None]).triu().tril(14)
    assert found["score"] == pytest.approx(spans.max().item(), abs=1e-5)
    start, end = divmod(int(spans.argmax()), len(starts))
    first, last = encoded["offset_mapping"][start][0], encoded["offset_mapping"][end][1]
    assert found["start"] <= first < last <= found["end"]  # whole words
    assert context[found["start"] : found["end"]] == found["answer"]


def test_it_is_saved_and_opened_again(tmp_path: Path, decoders: tuple[Any, Any]) -> None:
    model, inputs = decoders[0], batch("left")
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(checkpoint("RobertaForCausalLM")).save_pretrained(tmp_path)
    again, theirs = AutoModelForCausalLM.from_pretrained(tmp_path), transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    with torch.no_grad():
        expected = model(**inputs).logits
        assert torch.equal(again(**inputs).logits, expected)
        torch.testing.assert_close(theirs(**inputs).logits, expected, rtol=1e-5, atol=1e-5)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path)("Hello", "world")["input_ids"][0] == 0

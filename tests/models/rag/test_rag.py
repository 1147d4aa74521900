"""What is special to RAG: finding documents, writing answers by token and by sequence, its files."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close, pair
from transformers import RagTokenForGeneration as Published

from bestiary import RagConfig, RagModel, RagRetriever, RagSequenceForGeneration, RagTokenForGeneration, RagTokenizer
from bestiary.core.errors import ArgumentError, InputError
from bestiary.models.rag.retriever import CustomHFIndex

datasets = pytest.importorskip("datasets")


def context(name: str = "RagTokenForGeneration") -> tuple[Any, dict[str, Any]]:
    models = pair("rag", name)
    return models, {key: value for key, value in models.inputs.items() if key != "decoder_input_ids"}


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"num_beams": 3, "num_return_sequences": 2}], ids=str)
def test_answers_by_token_are_the_references(options: dict[str, Any]) -> None:
    models, inputs = context()
    # The reference does not count `max_new_tokens` here.
    call = {**inputs, "max_length": 7, "decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, **options}
    assert torch.equal(models.ours.generate(**call), models.reference.generate(**call))


@pytest.mark.parametrize("options", [{}, {"num_beams": 3, "num_return_sequences": 2}, {"do_deduplication": False}], ids=str)
def test_answers_by_sequence_are_the_references(options: dict[str, Any]) -> None:
    models, inputs = context("RagSequenceForGeneration")
    call = {**inputs, "max_new_tokens": 6, **options}
    assert torch.equal(models.ours.generate(**call), models.reference.generate(**call))


def test_rows_are_answered_alone_as_in_a_batch() -> None:
    model, inputs = context()[0].ours, context()[1]
    call = {"max_new_tokens": 6, "decoder_start_token_id": 2, "eos_token_id": None, "pad_token_id": 1}
    together = model.generate(**inputs, **call)
    alone = [
        {name: value[row * size : (row + 1) * size] for name, value in inputs.items() for size in [len(value) // 3]}
        for row in range(3)
    ]
    assert torch.equal(together, torch.cat([model.generate(**one, **call) for one in alone]))
    for kind in ("static", "offloaded"):
        assert torch.equal(model.generate(**inputs, **call, cache_implementation=kind), together)


@pytest.fixture
def documents() -> Any:
    generator = torch.Generator().manual_seed(0)
    texts = {"title": [f'"Title {i}"' for i in range(7)], "text": [f"the quick brown fox {i}" for i in range(7)]}
    return datasets.Dataset.from_dict({**texts, "embeddings": torch.randn(7, 32, generator=generator).tolist()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint with two tokenizers, as the reference writes it."""
    models = pair("rag", "RagTokenForGeneration")
    models.reference.save_pretrained(tmp_path)
    words = {
        word: index for index, word in enumerate(["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "the", "quick", "brown", "fox"])
    }
    questions = transformers.DPRQuestionEncoderTokenizer(vocab=words)
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as kinds

    rust = Tokenizer(kinds.WordLevel({**words, "/": 9, "//": 10, "Title": 11}, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    answers = transformers.PreTrainedTokenizerFast(tokenizer_object=rust, pad_token="[PAD]", unk_token="[UNK]")
    transformers.RagTokenizer(questions, answers).save_pretrained(tmp_path)
    return tmp_path


def test_documents_are_found_and_written_before_questions(folder: Path, documents: Any) -> None:
    config = RagConfig.from_pretrained(folder)
    config.retrieval_vector_size, config.max_combined_length, config.retrieval_batch_size = 32, 20, 2
    retriever = RagRetriever.from_pretrained(folder, indexed_dataset=documents, config=config)
    tokenizer = RagTokenizer.from_pretrained(folder)
    questions = tokenizer(["the fox", "quick brown", "the quick fox"], return_tensors="pt", padding=True)
    vectors = torch.randn(3, 32, generator=torch.Generator().manual_seed(1))
    found = retriever(questions["input_ids"], vectors.numpy(), n_docs=2, return_tensors="pt")
    expected = (vectors @ torch.tensor(documents["embeddings"][:]).mT).topk(2).indices
    assert torch.equal(found["doc_ids"], expected)
    close(found["retrieved_doc_embeds"], torch.tensor(documents["embeddings"][:])[expected])
    assert found["context_input_ids"].shape == (6, 20)
    first = int(expected[0, 0])
    text = retriever.generator_tokenizer(f"Title {first} / the quick brown fox {first} // the fox")["input_ids"]
    assert found["context_input_ids"][0, : len(text)].tolist() == text
    model = RagTokenForGeneration.from_pretrained(folder)
    model.set_retriever(retriever)
    answer = model(
        **{name: questions[name] for name in ("input_ids", "attention_mask")},
        labels=torch.tensor([[5, 6]] * 3),
        n_docs=2,
        output_retrieved=True,
    )
    assert answer.context_input_ids.shape == (6, 20)
    again = model(
        context_input_ids=answer.context_input_ids,
        context_attention_mask=answer.context_attention_mask,
        doc_scores=answer.doc_scores,
        labels=torch.tensor([[5, 6]] * 3),
        n_docs=2,
    )
    close(again.loss, answer.loss)
    few = CustomHFIndex(32, documents.select(range(1)))
    ids, embeds = few.get_top_docs(vectors.numpy(), 2)
    assert ids.tolist() == [[0, -1]] * 3
    assert embeds[:, 1].max() == 0 < abs(embeds[:, 0]).max()
    written = model.generate(
        questions["input_ids"], questions["attention_mask"], n_docs=2, max_new_tokens=4, decoder_start_token_id=2
    )
    assert len(written) == 3


def test_an_index_of_faiss_finds_the_same(documents: Any, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    plain = CustomHFIndex(32, documents)
    vectors = torch.randn(3, 32).numpy()
    documents.add_faiss_index("embeddings", metric_type=0)
    for ours, theirs in zip(CustomHFIndex(32, documents).get_top_docs(vectors, 4), plain.get_top_docs(vectors, 4), strict=True):
        close(torch.tensor(ours), torch.tensor(theirs))


def test_parts_are_opened_and_passed(tmp_path: Path) -> None:
    models = pair("rag", "RagTokenForGeneration")
    models.ours.question_encoder.save_pretrained(tmp_path / "questions")
    models.ours.generator.save_pretrained(tmp_path / "answers")
    opened = RagTokenForGeneration.from_pretrained_question_encoder_generator(
        tmp_path / "questions", tmp_path / "answers", n_docs=2, label_smoothing=0.1
    )
    again = RagTokenForGeneration(question_encoder=models.ours.question_encoder, generator=models.ours.generator)
    for name, model in (("opened", opened), ("again", again)):
        close(model(**models.inputs, n_docs=2).logits, models.plain.logits, name)
    theirs = Published.from_pretrained_question_encoder_generator(
        str(tmp_path / "questions"), str(tmp_path / "answers"), n_docs=2
    )
    close(theirs.eval()(**models.inputs).logits, models.plain.logits, "theirs")


def test_an_encoder_of_documents_is_trained() -> None:
    models, inputs = context()
    model = RagModel(RagConfig.from_dict(models.ours.config.to_dict()))

    class Finds:
        def __call__(self, ids: Any, vectors: Any, **options: Any) -> dict[str, Any]:
            found = {name: inputs[name][:2] for name in ("context_input_ids", "context_attention_mask")}
            read = {"tokenized_doc_ids": torch.ones(2, 4).long(), "tokenized_doc_attention_mask": torch.ones(2, 4).long()}
            return {**found, **read, "retrieved_doc_embeds": torch.zeros(1, 2, 32), "doc_ids": torch.tensor([[0, 1]])}

    model.retriever, model.ctx_encoder = Finds(), model.question_encoder  # type: ignore[assignment]
    scores = model(torch.tensor([[5, 6, 7]]), decoder_input_ids=torch.tensor([[2]])).doc_scores
    assert scores.shape == (1, 2)
    scores.sum().backward()
    assert any(weight.grad is not None for weight in model.question_encoder.parameters())


def test_what_cannot_be_found_is_said() -> None:
    models, inputs = context()
    model = models.ours
    for without in ("context_input_ids", "context_attention_mask", "doc_scores"):
        with pytest.raises(InputError, match=f"{without} is missing"):
            model(**{**models.inputs, without: None})
    with pytest.raises(InputError, match="each of 3 documents"):
        model(**models.inputs, n_docs=3)
    with pytest.raises(InputError, match="n_docs is 0"):
        model(**models.inputs, n_docs=0)
    with pytest.raises(InputError, match="have 5 rows"):
        model(
            **{
                **models.inputs,
                "context_input_ids": inputs["context_input_ids"][:5],
                "context_attention_mask": inputs["context_attention_mask"][:5],
            }
        )
    with pytest.raises(InputError, match="by a retriever"):
        model.generate(torch.tensor([[5]]))
    with pytest.raises(ArgumentError, match="pass both"):
        RagSequenceForGeneration()
    with pytest.raises(ArgumentError, match="pickles, which can run code"):
        RagRetriever(RagConfig(index_name="legacy"), None, None)
    with pytest.raises(ArgumentError, match="expected passages_path"):
        RagRetriever(RagConfig(index_name="custom"), None, None)
    small = RagConfig(use_dummy_dataset=True)
    with pytest.raises(ArgumentError, match="use_dummy_dataset=True asks for a small form of wiki_dpr"):
        RagRetriever(small, None, None)
    later = RagRetriever(small, None, None, init_retrieval=False)  # nothing is opened yet
    for use in (later.init_retrieval, lambda: later.retrieve(torch.zeros(1, 768).numpy(), 1)):
        with pytest.raises(ArgumentError, match="use_dummy_dataset"):
            use()
    with pytest.raises(InputError, match="expected a datasets.Dataset"):
        CustomHFIndex(32, [1, 2])

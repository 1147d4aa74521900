"""What every pipeline does: finding the task, inputs of every form, batches, devices, saving, pipelines of one's own."""

import json
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import transformers
from kit import checkpoints
from kit.pipelines import ours, same

from bestiary.auto import AutoModelForSequenceClassification
from bestiary.core import plugins
from bestiary.core.errors import ArgumentError, InputError, UnknownArchitecture
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.core.outputs import CausalLMOutput
from bestiary.modeling.families import tasks_of
from bestiary.pipelines import PIPELINE_REGISTRY, ChunkPipeline, KeyDataset, Pipeline, pipeline
from bestiary.pipelines.batching import BatchPadding, collate, plan, split
from bestiary.pipelines.datasets import KeyPairDataset
from bestiary.pipelines.opening import get_task
from bestiary.pipelines.registry import tasks

TEXTS = checkpoints.TEXTS


def classifier_folder() -> Path:
    return checkpoints.bert("BertForSequenceClassification", ("A", "B", "C"))


def classifier() -> Any:
    return ours("text-classification", classifier_folder())


# which pipeline -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "task"),
    [
        (lambda: checkpoints.llama(), "text-generation"),
        (lambda: checkpoints.gpt2(), "text-generation"),
        (lambda: checkpoints.bert("BertModel"), "feature-extraction"),
        (lambda: checkpoints.bert("BertForMaskedLM"), "fill-mask"),
        (classifier_folder, "text-classification"),
        (lambda: checkpoints.bert("BertForTokenClassification"), "token-classification"),
        (lambda: checkpoints.bert("BertForQuestionAnswering"), "question-answering"),
        (lambda: checkpoints.t5(), "text2text-generation"),
    ],
)
def test_the_task_is_read_off_the_model(make: Any, task: str) -> None:
    made = pipeline(model=make())
    assert made.task == task
    assert pipeline(model=made.model).task == task
    assert get_task(make()) == task


@pytest.mark.parametrize(
    ("make", "old", "task"),
    [
        (checkpoints.t5, "T5WithLMHeadModel", "text2text-generation"),
        (checkpoints.llama, "LLaMAForCausalLM", "text-generation"),
    ],
)
def test_classes_as_older_files_name_them(tmp_path: Path, make: Any, old: str, task: str) -> None:
    shutil.copytree(make(), tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": [old]}))
    assert pipeline(model=tmp_path).task == task


def test_the_card_goes_before_the_class(tmp_path: Path) -> None:
    classifier().save_pretrained(tmp_path)
    (tmp_path / "README.md").write_text("---\nlicense: mit\npipeline_tag: zero-shot-classification\n---\n# A model\n")
    assert pipeline(model=tmp_path).task == "zero-shot-classification"
    (tmp_path / "README.md").write_text("---\npipeline_tag: something-else\n---\n")
    assert pipeline(model=tmp_path).task == "text-classification"


@pytest.mark.parametrize("task", tasks())
def test_every_task_says_what_it_needs(task: str) -> None:
    found = PIPELINE_REGISTRY.find(task)
    assert issubclass(found.pipeline, Pipeline)
    assert found.models
    assert found.parts or task == "video-classification"  # which takes older checkpoints' image processors too
    if task != "text-generation":
        with pytest.raises(ArgumentError, match=r"has no default model.*pass model= with a folder, a model, or a name") as told:
            pipeline(task)
        assert found.suggestions[0] in str(told.value)


@pytest.mark.parametrize(("task", "names"), plugins.literals("bestiary.pipelines.tasks", "CHECKPOINTS").items())
def test_a_checkpoint_that_is_recommended_opens(task: str, names: dict[str, str]) -> None:
    """Its family is here, and has a class for the task."""
    openers = PIPELINE_REGISTRY.find(task).models
    for model_type in names.values():
        assert {kind for opener in openers for kind in opener.tasks} & set(tasks_of(model_type))


def test_without_a_network_the_message_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ArgumentError, match=r"the network is switched off \(HF_HUB_OFFLINE=1\), so of names only those that"):
        pipeline("fill-mask")


def test_aliases() -> None:
    assert pipeline("sentiment-analysis", classifier_folder())(TEXTS[0]) == classifier()(TEXTS[0])
    assert {"sentiment-analysis", "ner", "translation", "translation_en_to_fr"} - set(
        PIPELINE_REGISTRY.get_supported_tasks()
    ) == {"translation_en_to_fr"}
    assert PIPELINE_REGISTRY.find("translation_en_to_fr").name == "translation"
    assert PIPELINE_REGISTRY.find("text_generation").name == "text-generation"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ArgumentError, "pass a task or a model"),
        ({"task": "text-classificaton"}, UnknownArchitecture, "Did you mean 'text-classification'"),
        (
            {"task": "fill-mask", "model": "BERT"},
            UnknownArchitecture,
            "t5 has no model for AutoModelForMaskedLM",
        ),
        ({"model": "BERT", "device": "gpuu"}, ArgumentError, "is no device"),
        ({"model": "BERT", "topk": 2}, ArgumentError, "Did you mean 'top_k'"),
        ({"model": "BERT", "model_kwargs": {"dtyp": "float32"}}, ValueError, "dtyp"),
    ],
)
def test_wrong_construction(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    if "model" in arguments:
        arguments = {**arguments, "model": checkpoints.bert("BertForTokenClassification")}
        if arguments.get("topk"):
            arguments["model"] = classifier_folder()
        if arguments.get("task") == "fill-mask":
            arguments["model"] = checkpoints.t5()
    with pytest.raises((error, TypeError), match=message):
        pipeline(**arguments)


def test_a_model_object() -> None:
    made = classifier()
    again = pipeline("text-classification", made.model)
    assert again(TEXTS[0]) == made(TEXTS[0])
    with pytest.raises(UnknownArchitecture, match="cannot use a BertForSequenceClassification"):
        pipeline("text-generation", made.model, tokenizer=made.tokenizer)
    fresh = type(made.model)(made.model.config)
    fresh.config.__dict__["_name_or_path"] = ""
    with pytest.raises(ArgumentError, match="cannot be guessed; pass tokenizer="):
        pipeline("text-classification", fresh)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"framework": "tf"}, "framework='tf' changes nothing"),
        ({"device": "cpu", "device_map": "auto"}, "device_map='auto' is not used"),
        ({"device": 0}, "this machine has none"),
        ({"device": -2}, None),
        ({"model": "object", "dtype": "float16"}, "dtype: says how to open"),
        ({"model": "object", "dtype": "auto"}, None),
        (
            {"model": "object", "device_map": "cpu", "model_kwargs": {"attn_implementation": "eager"}},
            "attn_implementation: says",
        ),
    ],
    ids=str,
)
def test_doubtful_constructions(options: dict[str, Any], message: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are answered as the reference answers them, and told once."""
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: None)
    forget_warnings()
    opened = {"model": classifier().model, "tokenizer": classifier().tokenizer}
    named = {"model": classifier_folder(), "tokenizer": (str(classifier_folder()), {"use_fast": True})}
    chosen = {**options, **(opened if "model" in options else named)}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", BestiaryWarning)
        answer = pipeline("text-classification", **chosen)(TEXTS[0])
    assert answer == classifier()(TEXTS[0])
    assert [message in str(one.message) for one in told if one.category is BestiaryWarning] == [True] * (message is not None)


def test_a_model_from_elsewhere() -> None:
    """Anything that is called like a model and has a config will do."""

    class Foreign:
        config = classifier().model.config

        def __call__(self, **inputs: Any) -> Any:
            return classifier().model(**inputs)

    made = pipeline("text-classification", Foreign(), tokenizer=classifier().tokenizer)
    assert made(TEXTS) == classifier()(TEXTS)


def test_dtype_and_map() -> None:
    for name in ("dtype", "torch_dtype"):
        made = pipeline("text-classification", classifier_folder(), **{name: torch.bfloat16})
        assert made.dtype == made.torch_dtype == torch.bfloat16
        assert made(TEXTS[0])[0]["label"] in "ABC"
    made = pipeline("text-classification", classifier_folder(), device_map={"": "cpu"})
    assert made(TEXTS) == classifier()(TEXTS)
    assert made.device == torch.device("cpu")


def test_fast_tokenizers_are_the_only_ones() -> None:
    with pytest.warns(BestiaryWarning, match="use_fast=False changes nothing"):
        pipeline("text-classification", classifier_folder(), use_fast=False)


# inputs ---------------------------------------------------------------------------------------------------------------


class Rows(torch.utils.data.Dataset[Any]):
    """A data set that can only be indexed."""

    def __len__(self) -> int:
        return len(TEXTS)

    def __getitem__(self, index: int) -> str:
        return TEXTS[index]


class Stream(torch.utils.data.IterableDataset[Any]):
    """A data set that can only be read through."""

    def __iter__(self) -> Iterator[str]:
        return iter(TEXTS)


@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 1}, {"batch_size": 4}, {"num_workers": 2}, {"batch_size": 2, "num_workers": 3}]
)
@pytest.mark.parametrize(
    "inputs",
    [
        lambda: list(TEXTS),
        lambda: tuple(TEXTS),
        Rows,
        Stream,
        lambda: (text for text in TEXTS),
        lambda: KeyDataset([{"a": t} for t in TEXTS], "a"),
    ],
)
def test_every_form_of_input_gives_the_same(inputs: Any, options: dict[str, Any]) -> None:
    expected = [classifier()(text, truncation=True)[0] for text in TEXTS]
    found = classifier()(inputs(), truncation=True, **options)
    assert isinstance(found, list) == isinstance(inputs(), list | tuple)
    same(list(found), expected)


def test_data_sets_of_pairs_and_lengths() -> None:
    rows = KeyPairDataset([{"a": text, "b": TEXTS[1]} for text in TEXTS[:3]], "a", "b")
    found = classifier()(rows)
    assert len(found) == 3
    same(list(found), [classifier()({"text": text, "text_pair": TEXTS[1]}) for text in TEXTS[:3]])
    with pytest.raises(TypeError, match="not known"):
        len(classifier()(iter(TEXTS)))


def test_nothing_to_do() -> None:
    assert classifier()([]) == []
    assert list(classifier()(iter([]))) == []


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_a_stream_is_never_read_far_ahead(batch_size: int | None) -> None:
    pulled = 0

    def source() -> Iterator[str]:
        nonlocal pulled
        for _ in range(9):
            pulled += 1
            yield TEXTS[4]

    for done, _ in enumerate(classifier()(source(), batch_size=batch_size), start=1):
        ahead = batch_size or 1
        assert pulled == min(9, -(-done // ahead) * ahead)


def test_an_error_says_which_input() -> None:
    with pytest.raises(InputError) as caught:
        classifier()([TEXTS[0], TEXTS[1], 7])
    assert caught.value.__notes__ == ["This was input 2 (counted from 0)."]


def test_a_bar_only_when_asked(capfd: pytest.CaptureFixture[str]) -> None:
    classifier()(TEXTS[:2])
    assert capfd.readouterr() == ("", "")
    classifier()(TEXTS[:2], show_progress=True)
    assert "2/2" in capfd.readouterr().err


def test_from_many_threads() -> None:
    expected = classifier()(TEXTS[:5], top_k=None)
    found: list[Any] = [None] * 8

    def run(index: int) -> None:
        found[index] = classifier()(TEXTS[:5], top_k=None, batch_size=1 + index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        same(one, expected)


def test_answers_are_json() -> None:
    assert json.loads(json.dumps(classifier()(TEXTS[:2], top_k=None)))[0][0].keys() == {"label", "score"}


# batches --------------------------------------------------------------------------------------------------------------


def unit(length: int, rows: int = 1) -> dict[str, Any]:
    ids = torch.full((rows, length), length)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "note": f"n{length}"}


def test_batches_hold_near_lengths_within_the_budget() -> None:
    lengths = [3, 90, 5, 100, 4, 20, 21, 100]
    batches = plan([unit(n) for n in lengths], BatchPadding({"input_ids": 0, "attention_mask": 0}), rows=4, budget=200)
    assert [[lengths[i] for i in batch] for batch in batches] == [[100, 100], [90, 21], [20, 5, 4, 3]]
    assert sorted(i for batch in batches for i in batch) == list(range(8))


def test_units_that_cannot_be_padded_share_a_batch_only_in_one_shape() -> None:
    pictures = [{"pixel_values": torch.zeros(1, 3, size, size)} for size in (4, 8, 4)] + [{"text": "no tensors"}] * 2
    assert plan(pictures, BatchPadding({}), rows=4, budget=None) == [[0, 2], [1], [3], [4]]
    bare = [{"input_ids": torch.zeros(1, n, dtype=torch.int64)} for n in (3, 4, 3)]
    assert plan(bare, BatchPadding({"input_ids": 0}), rows=4, budget=None) == [[1], [0, 2]] or plan(
        bare, BatchPadding({"input_ids": 0}), rows=4, budget=None
    ) == [[0, 2], [1]]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_batch_is_put_together_and_taken_apart(side: str) -> None:
    units = [unit(2), unit(4, rows=2), unit(3)]
    batch = collate(units, BatchPadding({"input_ids": 9, "attention_mask": 0}, side))
    rows = {
        "right": [[2, 2, 9, 9], [4, 4, 4, 4], [4, 4, 4, 4], [3, 3, 3, 9]],
        "left": [[9, 9, 2, 2], [4] * 4, [4] * 4, [9, 3, 3, 3]],
    }
    assert batch["input_ids"].tolist() == rows[side]
    assert batch["attention_mask"].sum(1).tolist() == [2, 4, 4, 3]
    assert batch["note"] == ["n2", "n4", "n3"]
    parts = split(batch, [1, 2, 1])
    assert [part["input_ids"].tolist() for part in parts] == [rows[side][:1], rows[side][1:3], rows[side][3:]]
    assert [part["note"] for part in parts] == ["n2", "n4", "n3"]


def test_one_number_for_a_batch_is_no_answer_for_its_inputs() -> None:
    with pytest.raises(ArgumentError, match=r"one number \(0.5\) for a batch of 2 inputs"):
        split({"loss": torch.tensor(0.5)}, [1, 1])
    part = split(CausalLMOutput(loss=torch.tensor(0.5), logits=torch.zeros(2, 3)), [1, 1])[0]
    assert isinstance(part, CausalLMOutput)
    assert list(part) == ["logits"]


# pipelines of one's own -----------------------------------------------------------------------------------------------


class PairPipeline(Pipeline):
    """The published example of a pipeline of one's own."""

    def _sanitize_parameters(self, **kwargs: Any) -> Any:
        return ({"second_text": kwargs["second_text"]} if "second_text" in kwargs else {}), {}, {}

    def preprocess(self, text: Any, second_text: Any = None) -> Any:
        return self.tokenizer(text, text_pair=second_text, return_tensors="pt")

    def _forward(self, model_inputs: Any) -> Any:
        return self.model(**model_inputs)

    def postprocess(self, model_outputs: Any) -> Any:
        probabilities = model_outputs.logits[0].softmax(-1)
        best = int(probabilities.argmax())
        return {"label": self.model.config.id2label[best], "score": float(probabilities[best])}


def test_facts_of_a_pipeline() -> None:
    made = pipeline("text-classification", classifier_folder(), top_k=2, function_to_apply="none")
    made._postprocess_params["top_k"] = 1  # as scripts change it
    assert len(made(TEXTS[0])) == 1
    assert made._preprocess_params == made._forward_params == {}
    with pytest.warns(BestiaryWarning, match="binary_output=True changes nothing"):
        assert pipeline("text-classification", classifier_folder(), binary_output=True).binary_output


@pytest.mark.parametrize("task", ["text-generation", "ner", "fill-mask", "image-classification", "text-classification"])
def test_what_is_known_of_a_task(task: str) -> None:
    name, facts, options = PIPELINE_REGISTRY.check_task(task)
    their_name, theirs, their_options = transformers.pipelines.PIPELINE_REGISTRY.check_task(task)
    assert (name, facts["type"], options) == (their_name, theirs["type"], their_options)
    more = (
        ["AutoModelForSeq2SeqLM"] if task == "text-generation" else []
    )  # which the published pipeline takes too, as an object
    assert [model.__name__ for model in facts["pt"]] == [model.__name__ for model in theirs["pt"]] + more
    assert theirs["impl"].rpartition(".")[2] == facts["impl"].__name__


def test_a_registered_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIPELINE_REGISTRY, "_registered", {})
    PIPELINE_REGISTRY.register_pipeline(
        "pair-classification",
        pipeline_class=PairPipeline,
        pt_model=AutoModelForSequenceClassification,
        default={"pt": (str(classifier_folder()), None)},
        type="text",
    )
    made = pipeline("pair-classification", second_text=TEXTS[1])
    expected = [classifier()({"text": text, "text_pair": TEXTS[1]}) for text in TEXTS[:4]]
    same(made(TEXTS[:4]), expected)
    same(list(made(iter(TEXTS[:4]), batch_size=2)), expected)
    assert "pair-classification" in PIPELINE_REGISTRY.get_supported_tasks()
    with pytest.raises(ArgumentError, match="part of the library"):
        PIPELINE_REGISTRY.register_pipeline("ner", PairPipeline)


def test_a_class_in_place_of_the_tasks_own() -> None:
    made = pipeline("text-classification", classifier_folder(), pipeline_class=PairPipeline)
    assert type(made) is PairPipeline
    same(made(TEXTS[0]), classifier()(TEXTS[0])[0])


def test_pieces_of_one_input_share_batches() -> None:
    class Windows(ChunkPipeline):
        parts = ("tokenizer",)
        seen: ClassVar[list[int]] = []

        def _sanitize_parameters(self) -> Any:
            return {}, {}, {}

        def preprocess(self, text: str) -> Iterator[Any]:
            for word in text.split():
                yield {**self.tokenizer(word, return_tensors="pt"), "word": word}

        def _forward(self, inputs: Any) -> Any:
            self.seen.append(len(inputs["input_ids"]))
            word = inputs.pop("word")
            return {"logits": self.model(**inputs).logits, "word": word}

        def postprocess(self, outputs: list[Any]) -> Any:
            return [(output["word"], output["logits"].argmax().item()) for output in outputs]

    made = Windows(classifier().model, tokenizer=classifier().tokenizer)
    texts = ["my name is", "a dog", ""]
    assert made(texts) == [made(text) for text in texts]
    assert [[word for word, _ in answer] for answer in made(texts)] == [text.split() for text in texts]
    assert max(made.seen) == 5


# files and the rest ---------------------------------------------------------------------------------------------------


def test_a_saved_pipeline_opens_again(tmp_path: Path) -> None:
    classifier().save_pretrained(tmp_path)
    assert pipeline("text-classification", str(tmp_path))(TEXTS[:2]) == classifier()(TEXTS[:2])


def test_check_model_type() -> None:
    classifier().check_model_type(["BertForSequenceClassification"])
    with pytest.raises(InputError, match="cannot use a BertForSequenceClassification; it takes OtherModel"):
        classifier().check_model_type({"x": "OtherModel"})


def test_features_can_be_trained_on() -> None:
    features = ours("feature-extraction", checkpoints.bert("BertModel"))(TEXTS[0], return_tensors=True)
    layer = torch.nn.Linear(32, 1)
    layer(features).sum().backward()
    assert np.isfinite(layer.weight.grad.numpy()).all()

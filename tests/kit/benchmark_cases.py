"""GLUE, XNLI and SQuAD on small files: the same calls in both libraries, with results that JSON can hold."""

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

WORDS = """
[PAD] [UNK] [CLS] [SEP] [MASK] the quick brown fox jump ##s ##ed over lazy dog . paris is capital of france ; berlin germany ?
who what it , ' s was born in 1900 and ##land a not here
"""
FOX = "The quick brown fox jumps over the lazy dog. "
CITIES = "Paris is the capital of France; Berlin is the capital of Germany, and the fox's land was not here in 1900."


def _question(name: str, question: str, *answers: tuple[str, int]) -> dict[str, Any]:
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": question, "answers": found, "is_impossible": not found}


LONG = "Who jumps over the dog, the lazy dog, not here and not in 1900?"
QUESTIONS = [
    _question("a", "What is the capital of France?", ("Paris", 45)),
    _question("b", LONG, ("brown fox", 10), ("The quick brown fox", 0)),
    _question("c", "Who was born in Paris?"),
]
OTHERS = [_question("d", "What is not in France?", ("Berlin", 0)), _question("e", "What is it?", ("land", 12))]
PARAGRAPHS = [{"context": FOX + CITIES, "qas": QUESTIONS}, {"context": "Berlin  is\tnot in France.", "qas": OTHERS}]
SQUAD = {"data": [{"title": "T", "paragraphs": PARAGRAPHS}]}
COLUMNS = 14


def write_files(folder: Path) -> None:
    """TSV files of every task, whose cells name their place, and the JSON files of SQuAD."""
    lines = [[f"h{column}" for column in range(COLUMNS)]]
    lines += [[f"r{row}c{column}" for column in range(COLUMNS)] for row in (1, 2, 3)]
    text = "\n".join("\t".join(line) for line in lines) + "\n"
    names = ("train", "dev", "test", *(f"{part}_{kind}" for part in ("dev", "test") for kind in ("matched", "mismatched")))
    for name in names:
        (folder / f"{name}.tsv").write_text(text)
    (folder / "XNLI-MT-1.0" / "multinli").mkdir(parents=True)
    (folder / "XNLI-1.0").mkdir()
    for language in ("fr", "de"):
        train = f"premise\thypo\tlabel\n{language} one\ttwo\tcontradictory\nthree\tfour\tneutral\n"
        (folder / "XNLI-MT-1.0" / "multinli" / f"multinli.train.{language}.tsv").write_text(train)
    (folder / "XNLI-1.0" / "xnli.test.tsv").write_text(text.replace("r2c0", "fr"))
    for name in ("train-v1.1", "dev-v1.1", "train-v2.0", "dev-v2.0"):
        (folder / f"{name}.json").write_text(json.dumps(SQUAD))
    (folder / "vocab.txt").write_text("\n".join(WORDS.split()))
    (folder / "lines.txt").write_text("the fox is here\n\n  \nparis is not in germany ; it is in france .\n" * 2)
    (folder / "rows.tsv").write_text("label\ttext\tid\nx\tthe fox\t7\ny\tberlin is here\t9\n")


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda each: vars(each) if hasattr(each, "__dict__") else each.tolist()))


def _parts(feature: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(feature).items() if name != "encoding"}


def results(names: SimpleNamespace, tokenizer: Any, folder: Path) -> dict[str, Any]:
    """What every call gives. `names` has the functions and classes under their published names."""
    found: dict[str, Any] = {}
    for task, kind in names.glue_processors.items():
        processor = kind()
        parts = {part: getattr(processor, f"get_{part}_examples")(str(folder)) for part in ("train", "dev", "test")}
        found[f"glue {task}"] = [processor.get_labels(), parts]
    xnli = names.xnli_processors["xnli"]("fr")
    found["xnli"] = [xnli.get_train_examples(str(folder)), xnli.get_test_examples(str(folder)), xnli.get_labels()]
    found["tables"] = [
        [names.glue_output_modes, names.glue_tasks_num_labels],
        [names.xnli_output_modes, names.xnli_tasks_num_labels],
    ]
    examples = [names.InputExample("1", "the fox", "is here", "1"), names.InputExample("2", "paris", None, "0")]
    convert = names.glue_convert_examples_to_features
    found["features"] = convert(examples, tokenizer, max_length=9, task="mrpc")
    found["regression"] = convert([names.InputExample("1", "a", "fox", "2.5")], tokenizer, max_length=6, task="sts-b")
    found["metrics"] = list(_metrics(names))
    found["sentences"] = list(_sentences(names, tokenizer, folder))
    found["text files"] = [
        names.TextDataset(tokenizer, str(folder / "lines.txt"), block_size=6).examples,
        [
            each["input_ids"]
            for each in names.LineByLineTextDataset(tokenizer, str(folder / "lines.txt"), block_size=5).examples
        ],
    ]
    found |= _squad(names, tokenizer, folder)
    return _plain(found)


def _metrics(names: SimpleNamespace) -> Any:
    draw = np.random.default_rng(0)
    for classes in (1, 2, 3):
        preds, labels = draw.integers(0, classes, 20), draw.integers(0, 3 if classes == 3 else 2, 20)
        for task in (*names.glue_processors, "hans"):
            if task != "sts-b" and (classes < 3 or task.startswith(("mnli", "cola"))):
                yield names.glue_compute_metrics(task, preds, labels)
        yield names.xnli_compute_metrics("xnli", preds, labels)
    numbers = draw.integers(0, 6, 20) / 2
    yield names.glue_compute_metrics("sts-b", numbers + draw.normal(size=20), numbers)


def _sentences(names: SimpleNamespace, tokenizer: Any, folder: Path) -> Any:
    kind = names.SingleSentenceClassificationProcessor
    one = kind.create_from_csv(str(folder / "rows.tsv"), "train", skip_first_row=True)
    yield _sorted(one)
    one.labels.sort()  # published in the order of a set, which differs from run to run
    yield _sorted(kind.create_from_csv(str(folder / "rows.tsv"), column_id=2, skip_first_row=True))
    for options in ({}, {"pad_on_left": True}, {"mask_padding_with_zero": False, "pad_token": 3}):
        yield one.get_features(tokenizer, max_length=4, **options)
    one.add_examples(["a", "fox"], labels=["z", "x"], ids=["p", "q"])
    yield _sorted(one)
    one.add_examples(["a"], overwrite_labels=True, overwrite_examples=True)
    yield _sorted(one)
    yield _sorted(kind.create_from_examples([("the fox", "y"), ("a dog", "x")]))


def _sorted(processor: Any) -> dict[str, Any]:
    labels = sorted(processor.labels, key=str)
    return {**vars(processor), "labels": labels, "examples": list(processor.examples)}


def _squad(names: SimpleNamespace, tokenizer: Any, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for version, kind in (("1", names.SquadV1Processor), ("2", names.SquadV2Processor)):
        train, dev = kind().get_train_examples(str(folder)), kind().get_dev_examples(str(folder))
        found[f"squad {version}"] = [train, dev]
    sizes = {"max_seq_length": 24, "doc_stride": 6, "max_query_length": 8, "tqdm_enabled": False}
    convert = names.squad_convert_examples_to_features
    rows, tensors = convert(train, tokenizer, **sizes, is_training=True, return_dataset="pt")
    found["squad train"] = [[_parts(row) for row in rows], [each.tolist() for each in tensors.tensors]]
    found["squad train"][0] = [{**row, "example_index": row["qas_id"]} for row in found["squad train"][0]]
    rows, tensors = convert(dev, tokenizer, **sizes, is_training=False, return_dataset="pt")
    found["squad dev"] = [[_parts(row) for row in rows], [each.tolist() for each in tensors.tensors]]
    draw = random.Random(0)
    for version in (False, True):
        for best, longest, threshold in ((20, 30, 0.0), (3, 4, -1.0), (5, 3, 2.0)):
            outputs = [
                names.SquadResult(row.unique_id, *([draw.gauss(0, 2) for _ in row.input_ids] for _ in range(2))) for row in rows
            ]
            paths = [str(folder / f"{part}.json") for part in ("predictions", "nbest", "odds")]
            preds = names.compute_predictions_logits(
                dev, rows, outputs, best, longest, True, *paths, False, version, threshold, tokenizer
            )
            written = [Path(path).read_text() for path in paths[: 3 if version else 2]]
            probabilities = {example.qas_id: draw.random() for example in dev}
            found[f"squad predictions {version} {best}"] = [
                preds,
                [json.loads(text) for text in written],
                written[0],
                names.squad_evaluate(dev, preds),
                names.squad_evaluate(dev, preds, probabilities, 0.5),
            ]
    found["squad log probs"] = _log_probs(names, tokenizer, folder, dev, rows, draw)
    pairs = [("paris", "Paris;"), ("fox ' s", "the Fox's land"), ("cafe", "Café."), ("lost", "here"), ("dog .", "dog. ")]
    found["squad final text"] = [names.get_final_text(*pair, lower) for pair in pairs for lower in (False, True)]
    texts = ["The  Cat, sat!", "An apple a day", "a", "Thé a-b theatre", ""]
    found["squad words"] = [
        [names.normalize_answer(text) for text in texts],
        [[names.compute_exact(one, two), names.compute_f1(one, two)] for one in texts for two in texts],
    ]
    return found


def _log_probs(names: SimpleNamespace, tokenizer: Any, folder: Path, dev: Any, rows: Any, draw: random.Random) -> Any:
    outputs = []
    for row in rows:
        starts = draw.sample(range(len(row.input_ids)), 4)
        ends = [place for _ in starts for place in draw.sample(range(len(row.input_ids)), 3)]
        logits = [[draw.gauss(0, 2) for _ in places] for places in (starts, ends)]
        outputs.append(names.SquadResult(row.unique_id, *logits, starts, ends, draw.gauss(0, 1)))
    paths = [str(folder / f"{part}.json") for part in ("predictions", "nbest", "odds")]
    preds = names.compute_predictions_log_probs(dev, rows, outputs, 5, 20, *paths, 4, 3, True, tokenizer, False)
    return [preds, [json.loads(Path(path).read_text()) for path in paths]]

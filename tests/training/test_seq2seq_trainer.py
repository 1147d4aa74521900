"""`Seq2SeqTrainer` beside the published one: generated tokens, widths, losses, metrics, and which setting counts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.kit.training import config, rows

import bestiary

LIBRARIES = (transformers, bestiary)


def _model(library: Any, kind: str, folder: Path, settings: dict[str, Any]) -> Any:
    """A model with these weights; its settings of generation are `settings` and no others."""
    if kind == "bart":
        sizes = {"vocab_size": 50, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "max_position_embeddings": 64}
        heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
        model_class, made = library.BartForConditionalGeneration, library.BartConfig(**sizes, **heads, dropout=0.0)
    else:
        model_class, made = config(library, kind, 0.0)
    made.pad_token_id = settings.get("pad_token_id")
    if library is transformers and not folder.exists():
        torch.manual_seed(3)
        fresh = model_class(made)
        with torch.no_grad():
            for weight in fresh.parameters():
                weight.mul_(3)  # logits far enough apart that no rounding chooses, and rows end at several places
        fresh.save_pretrained(folder)
    model = model_class.from_pretrained(folder, config=made)
    model.generation_config = library.GenerationConfig(**settings)
    return model


def _data(kind: str, ragged: bool = False, labels: int = 6, count: int = 6) -> list[dict[str, Any]]:
    """Rows for batches of three; ragged ones have labels of another width in each batch."""
    made = []
    for index, row in enumerate(rows("causal" if kind == "llama" else "seq2seq", count)):
        row = {**row, "attention_mask": torch.ones(8, dtype=torch.long)}
        if kind != "llama":
            row["labels"] = row["labels"].repeat(4)[: labels - (index // 3 if ragged else 0)]
        made.append(row)
    return made


def _trainer(library: Any, kind: str, folder: Path, settings: dict[str, Any], data: Any, **options: Any) -> Any:
    model = _model(library, "causal" if kind == "llama" else kind, folder / kind, settings)

    def metrics(prediction: Any) -> dict[str, float]:
        width = prediction.predictions.shape[1]
        return {"sum": float(prediction.predictions.sum()), "width": width, "labels": prediction.label_ids.shape[1]}

    made = {"predict_with_generate": True, "per_device_eval_batch_size": 3, "use_cpu": True, "disable_tqdm": True} | options
    if isinstance(made.get("generation_config"), dict):
        made["generation_config"] = library.GenerationConfig(**made["generation_config"])
    args = library.Seq2SeqTrainingArguments(str(folder / "out"), report_to="none", **made)
    return library.Seq2SeqTrainer(model, args, train_dataset=data, eval_dataset=data, compute_metrics=metrics)


def _plain(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not any(word in name for word in ("second", "time", "epoch"))}


TOKENS = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
# Settings of the model, arguments, keywords of the call, options of the data.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "model": ({"max_length": 13}, {}, {}, {}),
    "longer-labels": ({"max_length": 13}, {}, {}, {"labels": 24}),
    "ragged": ({"max_length": 5}, {}, {}, {"ragged": True}),
    "arguments": ({"max_length": 13}, {"generation_max_length": 10, "generation_num_beams": 3}, {}, {}),
    "wider-arguments": ({"max_length": 9}, {"generation_max_length": 15}, {}, {}),
    "keywords": (
        {"max_length": 13},
        {"generation_max_length": 10, "generation_num_beams": 3},
        {"max_length": 11, "num_beams": 2, "length_penalty": 2.0},
        {},
    ),
    "none": (
        {"max_length": 13},
        {"generation_max_length": 10, "generation_num_beams": 3},
        {"max_length": None, "num_beams": None},
        {},
    ),
    "new-tokens": ({}, {"generation_max_length": 10}, {"max_new_tokens": 3}, {}),
    "new-tokens-and-length": ({"max_length": 13}, {"generation_max_length": 10}, {"max_new_tokens": 3}, {}),
    "new-tokens-of-model": ({"max_new_tokens": 4}, {}, {}, {}),
    "many-new-tokens-of-model": ({"max_new_tokens": 25, "max_length": 8}, {}, {}, {}),
    "no-length-of-model": ({}, {"generation_max_length": 12}, {}, {}),
    "settings": ({"max_length": 13}, {"generation_config": {**TOKENS, "max_length": 9, "num_beams": 2}}, {}, {}),
    "settings-and-arguments": (
        {"max_length": 13},
        {"generation_config": {**TOKENS, "max_length": 9}, "generation_max_length": 12},
        {},
        {},
    ),
    "smoothed": ({"max_length": 13}, {"label_smoothing_factor": 0.1}, {}, {}),
    "loss": ({"max_length": 13}, {"prediction_loss_only": True}, {}, {}),
    "sampler": ({"max_length": 13}, {"sortish_sampler": True}, {}, {}),
}


# Of a decoder the published trainer smooths labels that it did not shift; and its prompts are longer than 5.
SEQ2SEQ_ONLY = ("ragged", "smoothed")


@pytest.mark.parametrize(
    ("case", "kind"),
    [(case, kind) for case in CASES for kind in ("bart", "llama", "seq2seq") if kind != "llama" or case not in SEQ2SEQ_ONLY],
)
@pytest.mark.filterwarnings("ignore")
def test_predictions_are_the_published_ones(case: str, kind: str, tmp_path: Path) -> None:
    settings, options, keywords, how = CASES[case]
    data = _data(kind, **how)
    found = []
    for library in LIBRARIES:
        trainer = _trainer(library, kind, tmp_path, {**TOKENS, **settings}, data, **options)
        found.append((trainer.predict(data, **keywords), trainer.evaluate(**keywords)))
    (theirs, their_metrics), (ours, our_metrics) = found
    assert (ours.predictions is None) == (theirs.predictions is None) == bool(options.get("prediction_loss_only"))
    if theirs.predictions is not None:
        assert ours.predictions.tolist() == theirs.predictions.tolist()
        assert ours.label_ids.tolist() == theirs.label_ids.tolist()
    for mine, reference in ((ours.metrics, theirs.metrics), (our_metrics, their_metrics)):
        assert _plain(mine) == pytest.approx(_plain(reference), rel=1e-5, abs=1e-5)
        assert any("loss" in name for name in mine)


def test_rows_end_at_several_places(tmp_path: Path) -> None:
    """The comparisons above see rows that end by themselves, rows that are cut, and beams that change the tokens."""
    data, settings = _data("seq2seq"), {**TOKENS, "max_length": 13}
    _model(transformers, "seq2seq", tmp_path / "seq2seq", settings)
    trainer = _trainer(bestiary, "seq2seq", tmp_path, settings, data)
    greedy, beams = (trainer.predict(data, num_beams=count).predictions for count in (1, 3))
    assert len({tuple(row) for row in greedy.tolist()}) > 1
    assert greedy.tolist() != beams.tolist()


@pytest.mark.filterwarnings("ignore")
def test_the_loss_is_a_mean_over_rows(tmp_path: Path) -> None:
    """As that of the published `Trainer`; its `Seq2SeqTrainer` counts a last batch that is not full as if it were."""
    data, settings = _data("bart", count=7), {**TOKENS, "max_length": 9}
    trainers = [_trainer(library, "bart", tmp_path, settings, data, prediction_loss_only=True) for library in LIBRARIES]
    expected = transformers.Trainer(trainers[0].model, trainers[0].args).predict(data).metrics["test_loss"]
    assert trainers[1].predict(data).metrics["test_loss"] == pytest.approx(expected, rel=1e-5)
    last = trainers[1].predict(data[6:]).metrics["test_loss"]
    full = trainers[1].predict(data[:6]).metrics["test_loss"]
    assert trainers[0].predict(data).metrics["test_loss"] == pytest.approx((2 * full + last) / 3, rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_rows_without_labels(tmp_path: Path) -> None:
    data = [{name: row[name] for name in ("input_ids", "attention_mask")} for row in _data("seq2seq")]
    results = [_trainer(library, "seq2seq", tmp_path, {**TOKENS, "max_length": 9}, data).predict(data) for library in LIBRARIES]
    assert results[1].predictions.tolist() == results[0].predictions.tolist()
    assert results[1].label_ids is results[0].label_ids is None
    assert _plain(results[1].metrics) == _plain({k: v for k, v in results[0].metrics.items() if "preparation" not in k}) == {}


@pytest.mark.parametrize("given", ["same", "other"])
@pytest.mark.filterwarnings("ignore")
def test_decoder_inputs_made_from_labels_are_no_prompt(given: str, tmp_path: Path) -> None:
    data = _data("seq2seq")
    for row in data:
        start = torch.full((6,), 7)
        if given == "other":
            start = start[:2]
            del row["labels"]
        row["decoder_input_ids"] = start
        row["decoder_attention_mask"] = torch.ones_like(start)
    found = [_trainer(each, "seq2seq", tmp_path, {**TOKENS, "max_length": 9}, data).predict(data) for each in LIBRARIES]
    assert found[1].predictions.tolist() == found[0].predictions.tolist()
    assert (found[1].predictions[:, 1] == 7).all() == (given == "other")


@pytest.mark.filterwarnings("ignore")
def test_evaluations_of_a_training(tmp_path: Path) -> None:
    """The log of a training with evaluations in between; settings of one call do not outlast it."""
    data, logs = _data("bart"), []
    for library in LIBRARIES:
        options: dict[str, Any] = {"eval_strategy": "epoch", "num_train_epochs": 2, "learning_rate": 1e-2, "optim": "sgd"}
        trainer = _trainer(library, "bart", tmp_path, {**TOKENS, "max_length": 9}, data, save_strategy="no", **options)
        trainer.evaluate(max_length=5, metric_key_prefix="short")
        trainer.train()
        logs.append([_plain(entry) for entry in trainer.state.log_history if "train_loss" not in entry])
    assert len(logs[0]) == len(logs[1]) == 2
    for mine, reference in zip(logs[1], logs[0], strict=True):
        assert mine == pytest.approx(reference, rel=1e-5, abs=1e-5)


def test_keywords_count_for_each_of_several_data_sets_and_no_longer(tmp_path: Path) -> None:
    data, settings = _data("seq2seq"), {**TOKENS, "max_length": 6}
    _model(transformers, "seq2seq", tmp_path / "seq2seq", settings)
    trainer = _trainer(bestiary, "seq2seq", tmp_path, settings, data)
    metrics = trainer.evaluate({"a": data, "b": data[:2]}, max_length=9)
    assert (metrics["eval_a_width"], metrics["eval_b_width"]) == (9, 9)
    with pytest.raises(bestiary.BestiaryError):
        trainer.predict(data, max_length=-1)
    assert trainer.evaluate()["eval_width"] == 6
    batch = bestiary.default_data_collator(data[:2])
    assert trainer.prediction_step(trainer.model, batch, False, max_length=8)[1].shape == (2, 8)


@pytest.mark.filterwarnings("ignore")
def test_without_a_length_every_batch_gets_twenty_tokens(tmp_path: Path) -> None:
    """The published trainer's later batches get one less: its first call writes max_length=20 into the model's settings."""
    data = _data("seq2seq")
    both = [_trainer(each, "seq2seq", tmp_path, {**TOKENS, "eos_token_id": None}, data).predict(data) for each in LIBRARIES]
    assert both[1].predictions.shape == both[0].predictions.shape == (6, 21)
    assert both[1].predictions[:3].tolist() == both[0].predictions[:3].tolist()
    assert both[1].predictions[3:, :20].tolist() == both[0].predictions[3:, :20].tolist()
    assert both[1].label_ids.tolist() == both[0].label_ids.tolist()


class Tokenizer:
    """What a trainer asks of a tokenizer."""

    def __init__(self, pad: int | None, eos: int | None) -> None:
        self.pad_token_id, self.eos_token_id = pad, eos


def test_what_rows_are_filled_with(tmp_path: Path) -> None:
    data, tokens = _data("seq2seq"), torch.ones(1, 2, dtype=torch.long)
    settings = {"decoder_start_token_id": 0, "max_length": 9}
    trainers = [_trainer(library, "seq2seq", tmp_path, settings, data) for library in LIBRARIES]
    for pad, eos, of_config in ((None, 7, None), (5, 7, 3), (None, 7, 3), (None, None, 3)):
        filled = []
        for trainer in trainers:
            trainer.processing_class = Tokenizer(pad, eos) if pad or eos else None
            trainer.model.config.pad_token_id = of_config
            filled.append(trainer._pad_tensors_to_max_len(tokens, 4).tolist())
        assert filled[1] == filled[0]
    for trainer in trainers:
        trainer.model.config.pad_token_id = None
        with pytest.raises(ValueError, match=r"[Pp]ad"):
            trainer.predict(data)
    trainers[1].model.generation_config.pad_token_id = 4
    assert trainers[1]._pad_tensors_to_max_len(tokens, 4).tolist() == [[1, 1, 4, 4]]


def test_settings_from_files(tmp_path: Path) -> None:
    bestiary.GenerationConfig(max_length=7, num_beams=2).save_pretrained(tmp_path)
    file = tmp_path / "generation_config.json"
    for given in (str(tmp_path), tmp_path, str(file), file):
        for library in LIBRARIES:
            settings = library.Seq2SeqTrainer.load_generation_config(given)
            assert (settings.max_length, settings.num_beams) == (7, 2)
        made = bestiary.Seq2SeqTrainingArguments("out", generation_config=given, use_cpu=True)
        assert made.to_dict()["generation_config"] == json.loads(made.to_json_string())["generation_config"] == str(given)
        trainer = bestiary.Seq2SeqTrainer(bestiary.T5ForConditionalGeneration(config(bestiary, "seq2seq", 0.0)[1]), made)
        assert (trainer.model.generation_config.max_length, trainer.args.generation_config) == (7, given)
    settings = bestiary.GenerationConfig(max_length=9)
    assert bestiary.Seq2SeqTrainer.load_generation_config(settings) is not settings
    values = bestiary.Seq2SeqTrainingArguments("out", generation_config=settings, use_cpu=True).to_dict()["generation_config"]
    there = transformers.Seq2SeqTrainingArguments(
        "out", generation_config=transformers.GenerationConfig(max_length=9), use_cpu=True, report_to="none"
    ).to_dict()["generation_config"]
    shared = values.keys() & there.keys()
    assert len(shared) > 50
    assert {name: values[name] for name in shared} == {name: there[name] for name in shared}
    parser = bestiary.HfArgumentParser(bestiary.Seq2SeqTrainingArguments)
    words = ["--predict_with_generate", "--generation_config", str(tmp_path), "--generation_num_beams", "2", "--use_cpu"]
    [args] = parser.parse_args_into_dataclasses(words)
    assert (args.predict_with_generate, args.generation_num_beams, args.generation_config) == (True, 2, tmp_path)


def test_what_is_refused_and_what_is_told(tmp_path: Path) -> None:
    data = _data("seq2seq")
    _model(transformers, "seq2seq", tmp_path / "seq2seq", TOKENS)
    model = _model(bestiary, "seq2seq", tmp_path / "seq2seq", TOKENS)
    with pytest.raises(bestiary.ArgumentError, match="takes Seq2SeqTrainingArguments"):
        bestiary.Seq2SeqTrainer(model, bestiary.TrainingArguments("out", use_cpu=True))
    with pytest.raises(ValueError, match="temperature"):
        bestiary.Seq2SeqTrainer.load_generation_config(bestiary.GenerationConfig(temperature=0.5))
    with pytest.warns(UserWarning, match="sortish_sampler has no effect"):
        bestiary.Seq2SeqTrainingArguments("out", sortish_sampler=True)
    trainer = _trainer(bestiary, "seq2seq", tmp_path, TOKENS, data, predict_with_generate=False, prediction_loss_only=True)
    with pytest.warns(UserWarning, match="max_length without effect"):
        trainer.predict(data, max_length=4)
    args = bestiary.Seq2SeqTrainingArguments("out", predict_with_generate=True, use_cpu=True)
    classifier, made = config(bestiary, "classifier", 0.0)
    with pytest.raises(bestiary.ArgumentError, match="has no generate"):
        bestiary.Seq2SeqTrainer(classifier(made), args).predict(rows("classifier", 2))


def test_two_processes_generate_what_one_does(tmp_path: Path) -> None:
    """Five rows, two on each process at a time, in batches of other widths; what fills them up may differ."""
    _model(transformers, "seq2seq", tmp_path / "seq2seq", TOKENS)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launcher, __file__, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    alone = _of_processes(tmp_path, size=4)
    for rank in (0, 1):
        each = json.loads((tmp_path / f"{rank}.json").read_text())
        assert each["tokens"] == alone["tokens"]
        assert each["labels"] == alone["labels"]
        assert len(each["tokens"]) == 5


def _of_processes(folder: Path, size: int) -> dict[str, Any]:
    data = _data("seq2seq", count=5)
    options = {"generation_max_length": 12, "per_device_eval_batch_size": size}
    found = _trainer(bestiary, "seq2seq", folder, {**TOKENS, "max_length": 3}, data, **options).predict(data)
    rows_of = {"tokens": found.predictions, "labels": found.label_ids}
    return {name: [[each for each in row if each > 0] for row in values.tolist()] for name, values in rows_of.items()}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / f"{os.environ['RANK']}.json").write_text(json.dumps(_of_processes(target, size=2)))

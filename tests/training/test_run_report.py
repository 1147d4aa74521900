"""The page of a training: what it shows is what was logged, it opens anywhere, and no training ends because of it."""

import json
import math
import os
import re
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.kit.training import at_step, config, rows

import bestiary
from bestiary import write_training_report
from bestiary.core.errors import ArgumentError, CorruptFile, FileMissing
from bestiary.core.logging import BestiaryWarning
from bestiary.training.pace import Pace
from bestiary.training.run_report import run
from bestiary.training.run_report.facts import Facts
from bestiary.training.run_report.history import History


class Page(HTMLParser):
    """What a reader sees: tables as rows of cells, charts by their titles, the texts; and what a browser would fetch or run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.charts: list[str] = []
        self.texts: list[str] = []
        self.tips: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self._within: list[str] = []
        text = path.read_text(encoding="utf-8")
        assert "@import" not in text
        assert "url(" not in text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.tags.append(f"{tag} {given.get('type', '')}".strip())
        self.fetched += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action", "xlink:href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "svg":
            self.charts.append(given["aria-label"])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "path", "circle", "line", "rect"):
            self._within.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "circle", "line", "rect"):
            return
        assert self._within.pop() == tag

    def handle_data(self, data: str) -> None:
        inner = self._within[-1] if self._within else ""
        if inner in ("td", "th"):
            self.rows[-1][-1] += data
        elif inner == "title":
            self.tips.append(data)
        elif inner not in ("style", "script"):
            self.texts.append(data)

    @property
    def pairs(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


def trainer(folder: Path, *callbacks: Any, trainer_class: Any = bestiary.Trainer, data: Any = None, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "classifier", 0.0)
    usual: dict[str, Any] = {"max_steps": 6, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 2, "save_steps": 4}
    args = bestiary.TrainingArguments(str(folder), use_cpu=True, disable_tqdm=True, learning_rate=1e-2, **usual | options)
    return trainer_class(
        model_class(made),
        args,
        train_dataset=rows("classifier", 40),
        eval_dataset=data or rows("classifier", 9),
        compute_metrics=lambda prediction: {
            "accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())
        },
        callbacks=list(callbacks),
    )


def test_a_page_shows_what_was_logged(tmp_path: Path) -> None:
    made = trainer(tmp_path, metric_for_best_model="loss", run_name="a <b>run</b>")
    made.train()
    page = Page(tmp_path / "training_report.html")
    assert {"a <b>run</b>", "finished"} <= set(page.texts)
    assert page.charts == ["Loss", "Loss", "accuracy", "Learning rate", "Gradient norm", "Rows a second", "Tokens a second"]
    losses = [entry for entry in made.state.log_history if "loss" in entry]
    assert len(losses) == 6
    for entry in losses:
        assert f"training: {entry['loss']:.6g} at {entry['step']}" in page.tips
        assert f"learning_rate: {entry['learning_rate']:.6g} at {entry['step']}" in page.tips
        assert f"grad_norm: {entry['grad_norm']:.6g} at {entry['step']}" in page.tips
    evaluations = [entry for entry in made.state.log_history if "eval_loss" in entry]
    shown = [row for row in page.rows if len(row) == 5 and row[0] != "step"]
    assert [row[0] for row in shown] == ["2", "4", "6"]
    head = next(row for row in page.rows if row[0] == "step")
    for entry, row in zip(evaluations, shown, strict=True):
        assert row[head.index("loss")] == f"{entry['eval_loss']:.5g}"
        assert row[head.index("accuracy")] == f"{entry['eval_accuracy']:.5g}"
    assert f"best {made.state.best_metric:.4g}" in page.texts
    parameters = sum(each.numel() for each in made.model.parameters())
    told = page.pairs
    assert told["Class"] == "BertForSequenceClassification"
    assert told["Parameters"] == f"{parameters:,}"
    assert told["Trained"] == f"{parameters:,} (100 %)"
    assert told["Training rows"] == "40"
    assert told["Evaluation rows"] == "9"
    assert told["Rows of an update"].startswith("8 ")
    assert told["Input tokens"] == str(6 * 8 * 8)
    assert (told["learning_rate"], told["max_steps"], told["eval_strategy"]) == ("0.01", "6", "steps")
    assert not {"weight_decay", "training_report", "seed", "save_strategy"} & set(told)
    assert told["bestiary"] == bestiary.__version__
    assert told["Best checkpoint"] == made.state.best_model_checkpoint
    assert told["Last checkpoint"] == str(tmp_path / "checkpoint-6")
    assert page.fetched == []
    assert [tag for tag in page.tags if tag.startswith(("script", "link", "img", "iframe"))] == ["script application/json"]
    assert list(tmp_path.glob(".*")) == []


def test_throughput_leaves_out_evaluations_and_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bestiary.training.pace.time.perf_counter", lambda: now[0])

    def passes(seconds: float) -> Any:
        now[0] += seconds

    class Slow(bestiary.Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            passes(0.5)
            return super().training_step(*args, **kwargs)

        def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
            passes(100)
            return super().prediction_step(*args, **kwargs)

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
            passes(1000)
            return super()._save_checkpoint(*args, **kwargs)

    made = trainer(tmp_path, trainer_class=Slow)
    made.train()
    assert made.progress.pace == [[step, 0.5 * step, 64 * step] for step in range(1, 7)]
    tips = Page(tmp_path / "training_report.html").tips
    assert [tip for tip in tips if tip.startswith("rows:")] == [f"rows: 16 at {step}" for step in range(2, 7)]
    assert [tip for tip in tips if tip.startswith("tokens:")] == [f"tokens: 128 at {step}" for step in range(2, 7)]


def test_places_of_a_pace_stay_few() -> None:
    pace, places = Pace(), list[list[float]]()
    for step in range(10_000):
        pace.mark(places, step, 0.0)
    assert 500 <= len(places) <= 2001
    steps = [place[0] for place in places]
    assert (steps[0], steps[-1]) == (0, 9999)
    assert steps == sorted(set(steps))


def test_a_resumed_run_shows_where_it_went_on(tmp_path: Path) -> None:
    trainer(tmp_path, max_steps=4).train()
    made = trainer(tmp_path)
    made.train(resume_from_checkpoint=True)
    made = trainer(tmp_path, max_steps=8)
    made.train(resume_from_checkpoint=True)
    page = Page(tmp_path / "training_report.html")
    assert page.pairs["Resumed at step"] == "4, 6"
    assert {"resumed: 4", "resumed: 6"} <= set(page.tips)
    assert [place[0] for place in made.progress.pace] == list(range(1, 9))
    assert page.pairs["Input tokens"] == str(8 * 64)


class Fails(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Fails("a <script>alert(1)</script>"), "failed", "It ended at step 3 of 6. Fails: a <script>alert(1)</script>"),
        (KeyboardInterrupt(), "stopped", "It ended at step 3 of 6."),
    ],
)
def test_a_run_that_ends_early_is_reported_as_far_as_it_came(tmp_path: Path, error: Any, status: str, told: str) -> None:
    def fail() -> None:
        raise error

    heard = []
    callback = at_step("on_step_end", 3, fail)
    type(callback).on_train_failed = lambda self, args, state, control, error: heard.append(error)
    with pytest.raises(type(error)):
        trainer(tmp_path, callback).train()
    assert heard == [error]
    page = Page(tmp_path / "training_report.html")
    assert {status, told} <= set(page.texts)
    assert sum(tip.startswith("training: ") for tip in page.tips) == 2 * 2
    assert "<script>alert" not in (tmp_path / "training_report.html").read_text()


def test_a_run_asked_to_end_says_so(tmp_path: Path) -> None:
    made = trainer(tmp_path, at_step("on_step_end", 3, lambda: setattr(made.listener, "heard", True)))
    with pytest.raises(SystemExit):
        made.train()
    page = Page(tmp_path / "training_report.html")
    assert {"stopped", "It ended at step 3 of 6."} <= set(page.texts)
    assert page.pairs["Last checkpoint"] == str(tmp_path / "checkpoint-3")


def test_a_save_writes_a_page_and_writing_costs_little(tmp_path: Path) -> None:
    seen = []

    def look() -> None:
        page = tmp_path / "training_report.html"
        seen.append("running" in Page(page).texts if page.exists() else None)
        page.unlink(missing_ok=True)

    names = ("on_step_end", 4), ("on_step_begin", 4), ("on_step_begin", 5)
    callbacks = [type(f"At{number}", (type(at_step(*place, look)),), {})() for number, place in enumerate(names)]
    trainer(tmp_path, *callbacks, save_steps=1).train()
    # The first checkpoint is of step 1; the next page would follow too soon after it.
    assert seen == [True, None, None]


def test_updates_that_were_left_out_are_listed(tmp_path: Path) -> None:
    class Broken(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            loss = super().compute_loss(model, inputs, return_outputs)
            return loss * math.nan if self.model.training and self.state.global_step == 2 else loss

    with pytest.warns(BestiaryWarning, match="step 3"):
        trainer(tmp_path, trainer_class=Broken).train()
    page = Page(tmp_path / "training_report.html")
    assert "Updates left out" in page.texts
    assert [row[:3] for row in page.rows if row[0] == "3"][-1] == ["3", "0.6", "nan"]
    assert "training: nan at 3" in page.tips


def test_several_evaluation_sets_share_a_chart(tmp_path: Path) -> None:
    made = trainer(tmp_path, data={"long": rows("classifier", 9), "short": rows("classifier", 5)})
    made.train()
    page = Page(tmp_path / "training_report.html")
    assert page.charts.count("accuracy") == 1
    entry = next(entry for entry in made.state.log_history if "eval_short_loss" in entry)
    assert f"short: {entry['eval_short_loss']:.6g} at 2" in page.tips
    assert [row[:2] for row in page.rows if row[0] in ("long", "short")][:2] == [["long", "2"], ["short", "2"]]


def test_it_can_be_left_out_and_never_ends_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer(tmp_path / "off", training_report=False).train()
    assert not (tmp_path / "off" / "training_report.html").exists()

    def fail(*args: Any) -> None:
        raise OSError("no room")

    monkeypatch.setattr("bestiary.training.run_report.writing.write_text", fail)
    with pytest.warns(BestiaryWarning, match="report of the training was not written .*no room"):
        assert trainer(tmp_path / "on").train().global_step == 6


def test_a_training_that_never_began_leaves_no_page(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.train_dataset = None
    with pytest.raises(ArgumentError):
        made.train()
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_the_published_trainer(tmp_path: Path) -> None:
    import transformers

    model_class, made = config(transformers, "classifier", 0.0)
    options: dict[str, Any] = {"max_steps": 4, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 2, "save_steps": 2}
    args = transformers.TrainingArguments(
        str(tmp_path), use_cpu=True, disable_tqdm=True, report_to="none", metric_for_best_model="loss", **options
    )
    theirs = transformers.Trainer(
        model_class(made), args, train_dataset=rows("classifier", 40), eval_dataset=rows("classifier", 9)
    )
    theirs.train()
    written = write_training_report(tmp_path)
    assert written == tmp_path / "training_report.html"
    page = Page(written)
    assert tmp_path.name in page.texts
    assert page.pairs["Best checkpoint"] == theirs.state.best_model_checkpoint
    for entry in theirs.state.log_history:
        if "loss" in entry:
            assert f"training: {entry['loss']:.6g} at {entry['step']}" in page.tips
    by_file = write_training_report(tmp_path / "checkpoint-2" / "trainer_state.json", tmp_path / "two.html")
    assert "evaluation" in Page(by_file).texts
    assert sum(tip.startswith("training: ") for tip in Page(by_file).tips) == 2 * 2


EVIL = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def test_names_of_strangers_stay_texts(tmp_path: Path) -> None:
    log = [{EVIL: 1.0, "loss": 2.0, "step": 1}, {f"eval_{EVIL}": 1.0, "eval_loss": 2.0, "step": 1}, {"x": EVIL, "step": EVIL}]
    state = {"log_history": log, "best_model_checkpoint": EVIL, "best_metric": 2.0, "best_global_step": 1, "trial_name": EVIL}
    folder = tmp_path / "<img src=x>"
    folder.mkdir()
    (folder / "trainer_state.json").write_text(json.dumps(state))
    page = Page(write_training_report(folder))
    assert page.pairs["Best checkpoint"] == page.pairs["Trial"] == EVIL
    assert EVIL in page.charts
    assert "img" not in page.tags
    assert [tag for tag in page.tags if tag.startswith("script")] == ["script application/json"]
    again = Page(write_training_report(folder))  # what the first page told is in the second
    assert again.rows == page.rows


@pytest.mark.parametrize(
    "log",
    [
        [],
        [{}],
        [{"loss": math.nan, "step": 1}],
        [{"loss": math.inf, "grad_norm": -math.inf, "learning_rate": 0.0, "step": 1}],
        [{"loss": 10**400, "step": 1}],
        [{"loss": True, "step": None}, {"eval_loss": "none", "step": 1}],
        [{"eval_runtime": 1.0, "eval_loss": math.nan, "step": 5, "epoch": math.nan}],
        [{"train_runtime": math.nan, "step": math.inf}],
    ],
)
def test_any_log_can_be_shown(tmp_path: Path, log: Any) -> None:
    assert "Loss" in Page(write_training_report(log, tmp_path / "page.html")).charts


def test_a_long_log_makes_a_small_page_that_keeps_the_extremes(tmp_path: Path) -> None:
    log = [{"loss": 1 + 1 / step, "grad_norm": 1.0, "learning_rate": 1e-4, "step": step} for step in range(1, 100_001)]
    log[54_321]["loss"] = 9.0
    path = write_training_report(log, tmp_path / "page.html")
    assert path.stat().st_size < 200_000
    charts = path.read_text().split("<svg")
    tops = [min(float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)(?=[L\"])", chart)) for chart in charts[1:3]]
    assert all(top < 60 for top in tops)  # the highest point is at the top of the chart, which ends at a loss of 9


def test_what_is_no_log_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="is not there; expected the output_dir"):
        write_training_report(tmp_path / "nothing")
    with pytest.raises(FileMissing, match=r"holds no trainer_state\.json"):
        write_training_report(tmp_path)
    with pytest.raises(ArgumentError, match="which file to write"):
        write_training_report([])
    with pytest.raises(ArgumentError, match=r"a page \(\.html\) or a picture"):
        write_training_report([], tmp_path / "page.pdf")
    state = tmp_path / "trainer_state.json"
    for text in ("[", "[]", "{}", '{"log_history": 3}', '{"log_history": [3]}', '{"log_history": [], "best_metric": "x"}'):
        state.write_text(text)
        with pytest.raises(CorruptFile):
            write_training_report(state)


def test_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "available", lambda package: package == "matplotlib")
    made = trainer(tmp_path, run_name="a $run$ of _all_ {things}\n\x00 \u6a21\u578b" * 9, metric_for_best_model="loss")
    with pytest.warns(UserWarning, match="Glyph"):  # matplotlib's own letters have none of the Far East
        made.train()
    data = (tmp_path / "training_report.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    wide, high = struct.unpack(">II", data[16:24])
    assert (wide > high > 300, wide < 2000) == (True, True)
    for log in ([], [{"loss": math.nan, "step": 1}]):
        assert write_training_report(log, tmp_path / "empty.png").read_bytes().startswith(b"\x89PNG")


def test_facts_in_a_page() -> None:
    facts = Facts(title=EVIL, sections={"Run": {"a": "b"}}, resumed=[3.0])
    assert Facts.in_page(f"<html>{facts.block()}</html>") == facts
    assert Facts.in_page("<html></html>") is None
    wrong: list[dict[str, Any]] = [
        {"a": 1}, {"title": 1}, {"sections": []}, {"sections": {"Run": "x"}}, {"sections": {"Run": {"a": 1}}}, {"steps": "1"},
        {"arguments": {"a": []}}, {"resumed": ["x"]}, {"pace": [[1, 2]]}, {"pace": [[1, 2, "x"]]}, {"pace": 3},
        {"best_step": "1"},
    ]  # fmt: skip
    for values in wrong:
        text = json.dumps(values)
        assert Facts.in_page(f'<script type="application/json" id="run-facts">{text}</script>') is None


def test_a_page_written_again_tells_what_the_first_one_did(tmp_path: Path) -> None:
    trainer(tmp_path, metric_for_best_model="loss", run_name="named").train()
    path = tmp_path / "training_report.html"
    first = Page(path)
    write_training_report(tmp_path)
    again = Page(path)
    assert again.charts == first.charts
    for pairs in (first.pairs, again.pairs):
        assert pairs["Last checkpoint"] == str(tmp_path / "checkpoint-6")
    assert {**again.pairs, "Memory at most": ""} == {**first.pairs, "Memory at most": ""}
    assert {"named", "finished"} <= set(again.texts)
    path.unlink()  # as if it had been turned off: what the checkpoint holds is told
    plain = Page(write_training_report(tmp_path))
    assert [tip for tip in plain.tips if tip.startswith("rows:")] == [tip for tip in first.tips if tip.startswith("rows:")]
    assert plain.pairs["Last checkpoint"] == str(tmp_path / "checkpoint-6")


def test_metrics_are_sorted_by_their_names() -> None:
    log = [
        {"eval_f1": 0.5, "eval_loss": 1.0, "eval_runtime": 2.0, "eval_steps_per_second": 9.0, "step": 1, "epoch": 0.5},
        {"test_f1": 0.6, "test_runtime": 2.0, "step": 1},
        {"loss": 1.0, "mine": 3, "step": 1},
        {"train_runtime": 9.0, "train_loss": 0.5, "step": 2},
    ]
    history = History.of(log)
    assert history.metrics() == {"loss": {"": [(1.0, 1.0)]}, "f1": {"": [(1.0, 0.5)], "test": [(1.0, 0.6)]}}
    assert history.training == {"loss": [(1.0, 1.0)], "mine": [(1.0, 3.0)]}
    assert (history.summary["train_loss"], history.step) == (0.5, 2.0)


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": [{"loss": 1.0, "step": 1}]}))
    code = "import sys, bestiary.cli; sys.argv = ['bestiary', 'report', sys.argv[1]]\n"
    code += "try: bestiary.cli.main()\nfinally: assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, env=dict(os.environ)
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{tmp_path / 'training_report.html'}\n")
    assert "training: 1 at 1" in Page(tmp_path / "training_report.html").tips


def test_a_page_that_cannot_be_written_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise OSError("no room")

    def end() -> None:
        raise Fails("the real one")

    monkeypatch.setattr("bestiary.training.run_report.writing.write_text", fail)
    with pytest.raises(Fails, match="the real one"):  # a warning would be an error here
        trainer(tmp_path, at_step("on_step_end", 3, end)).train()


@pytest.mark.parametrize("progress", ['{"pace": 3}', '{"pace": [["a"]]}', '{"resumed": 3}', "[" * 100_000, "7"])
def test_damaged_files_beside_a_state_cost_no_report(progress: str, tmp_path: Path) -> None:
    log = [{"loss": 1e308, "step": 1, "epoch": 0.5}, {"loss": -1e308, "step": 2, "epoch": 1.0}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": log, "best_metric": 10**400}))
    (tmp_path / "progress.json").write_text(progress)
    (tmp_path / "training_report.html").write_text(f'<script type="application/json" id="run-facts">{"[" * 100_000}</script>')
    page = Page(bestiary.write_training_report(tmp_path))
    assert "training: 1e+308 at 1" in page.tips

"""The live view of a training: what it shows, what it leaves alone, and how it gives the terminal back."""

import io
import logging
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.training import at_step, config, rows

import bestiary
from bestiary import PrinterCallback, ProgressCallback
from bestiary.core.logging import BestiaryWarning
from bestiary.draw.blocks import block_bar, block_curve
from bestiary.training.callbacks import live_terminal
from bestiary.training.callbacks.default import progress_callback
from bestiary.training.callbacks.live import LiveProgressCallback
from bestiary.training.callbacks.live_screen import Numbers, screen


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what was written."""

    encoding = "utf-8"
    begin: Callable[[], None]

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A terminal of 100 x 40 letters, which stderr and stdout are once `begin` is called: pytest sets them between phases."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    stream = Terminal()

    def begin() -> None:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "stdout", stream)

    stream.begin = begin
    return stream


def lines_of(numbers: Numbers, width: int = 100, height: int = 40, ascii_only: bool = False) -> list[str]:
    from rich.console import Console

    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(screen(numbers, width, height, ascii_only))
    return capture.get().splitlines()


def plain(text: str) -> str:
    """What was written without the letters that move the cursor or colour."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def trainer(folder: Path, *callbacks: Any, trainer_class: Any = bestiary.Trainer, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "classifier", 0.0)
    usual: dict[str, Any] = {"max_steps": 6, "logging_steps": 1, "eval_strategy": "steps", "eval_steps": 3, "save_steps": 4}
    usual |= {"disable_tqdm": False, "training_report": False}
    args = bestiary.TrainingArguments(str(folder), use_cpu=True, **usual | options)
    data = {"train_dataset": rows("classifier", 40), "eval_dataset": rows("classifier", 9)}
    return trainer_class(model_class(made), args, callbacks=list(callbacks), **data)


FULL = Numbers(
    title="BertForSequenceClassification", step=1234, steps=5000, epoch=1.25, epochs=5, elapsed=3723, left=125, rows=133.3,
    tokens=17_100, memory=3_400_000_000, logged={"loss": 0.4321, "grad_norm": 1.25, "learning_rate": 3.2e-5, "mine": 7.0},
    losses=[3.0 / (1 + step) for step in range(40)],
    evaluations=[(step, {"loss": 1 / step, "accuracy": 0.5, "f1": 0.25}) for step in (200, 400, 600, 800, 1000, 1200)],
    doing="evaluating", done=12, of=40, checkpoint="out/checkpoint-1000", warnings=["updates left out: 2"],
)  # fmt: skip


def test_the_screen_shows_all_that_is_known() -> None:
    shown = "\n".join(lines_of(FULL))
    for text in (
        "training BertForSequenceClassification  1:02:03", "1,234/5,000 steps 24% 2:05 left", "epoch 1.25/5", "loss 0.4321",
        "grad norm 1.25", "lr 3.2e-05", "mine 7", "rows/s 133.3", "tokens/s 17.1k", "memory", "12/40 batches",
        "checkpoint out/checkpoint-1000", "! updates left out: 2",
    ):  # fmt: skip
        assert text in shown
    table = [line.split() for line in shown.splitlines() if line.strip().split()[:1] in (["evaluated"], ["1000"], ["1200"])]
    assert table == [
        ["evaluated", "loss", "accuracy", "f1"], ["1000", "0.001", "0.5", "0.25"], ["1200", "0.0008333", "0.5", "0.25"],
    ]  # fmt: skip
    bar = re.search("(━+)(─+)", shown)
    assert bar is not None
    assert len(bar[1]) / len(bar[0]) == pytest.approx(1234 / 5000, abs=1 / len(bar[0]))


@pytest.mark.parametrize("width", [1, 5, 20, 40, 79, 200])
@pytest.mark.parametrize("height", [3, 14, 24])
def test_the_screen_fits_any_terminal(width: int, height: int) -> None:
    for numbers in (FULL, Numbers(), Numbers(steps=None, step=5, doing="evaluating", done=3, losses=[math.nan, math.inf])):
        for ascii_only in (False, True):
            lines = lines_of(numbers, width, height, ascii_only)
            assert all(len(line) <= width for line in lines)
            assert len(lines) < 24
            if ascii_only:
                assert all(line.isascii() for line in lines)
    assert len(lines_of(FULL, width, 10)) <= 10


def test_letters_that_move_the_cursor_are_not_drawn() -> None:
    numbers = Numbers(title="a\x1b[2Jb\nc", checkpoint="\x07\r", logged={"x\x1b": 1.0}, warnings=["[bold]not markup[/bold]"])
    shown = lines_of(numbers)
    assert "training a?[2Jb?c" in shown[0]
    assert "\x1b" not in "".join(shown)
    assert any("[bold]not markup[/bold]" in line for line in shown)


def test_blocks() -> None:
    assert block_curve([0, 1], 10, 1) == ["▁█"]
    assert block_curve([0, 1, 2, 3], 4, 2) == ["  ▃█", "▁▆██"]
    assert block_curve([5, 5], 4, 1) == ["▄▄"]
    assert block_curve([math.nan], 4, 2) == ["", ""]
    assert block_curve([1, 1, 3, 3], 2, 1) == ["▁█"]
    assert block_curve(range(9), 9, 1, ascii_only=True)[0].isascii()
    assert block_bar(0.5, 10) == ("━━━━━", "─────")
    assert block_bar(1.5, 4, ascii_only=True) == ("####", "")


def test_who_shows_progress(terminal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.begin()
    args = bestiary.TrainingArguments(str(tmp_path), use_cpu=True)
    assert progress_callback(bestiary.TrainingArguments(str(tmp_path), use_cpu=True, disable_tqdm=True)) is PrinterCallback
    args.disable_tqdm = False
    assert progress_callback(args) is LiveProgressCallback
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", io.StringIO())
        assert progress_callback(args) is LiveProgressCallback  # stdout is one
        patch.setattr(sys, "stdout", io.StringIO())
        assert progress_callback(args) is ProgressCallback
    with monkeypatch.context() as patch:
        patch.setattr("bestiary.training.callbacks.default.available", lambda package: package != "rich")
        assert progress_callback(args) is ProgressCallback


def test_it_is_taken_out_as_the_published_one_is(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()
    made = trainer(tmp_path)
    assert isinstance(made.pop_callback(ProgressCallback), LiveProgressCallback)
    assert made.pop_callback(ProgressCallback) is None
    made.train()
    assert "\x1b[?25l" not in terminal.getvalue()  # the cursor was never hidden
    made = trainer(tmp_path, disable_tqdm=True)
    made.remove_callback(PrinterCallback)
    assert made.callback_handler.callback_list == "DefaultFlowCallback"


def test_a_callback_of_a_user_s_takes_its_place(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()

    class Mine(ProgressCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            self.seen = state.global_step

    mine = Mine()
    made = trainer(tmp_path)
    made.add_callback(mine)
    made.train()
    assert mine.seen == 6
    assert "\x1b[?25l" not in terminal.getvalue()
    made.pop_callback(mine)
    made.train()
    assert "\x1b[?25l" in terminal.getvalue()


def test_a_training_on_a_terminal(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()
    handler = logging.StreamHandler()
    logger = logging.getLogger("of.a.user")
    logger.addHandler(handler)

    def speak() -> None:
        print("a printed line")  # noqa: T201
        logger.warning("a logged line")
        sys.stderr.write("a line on stderr\n")

    try:
        made = trainer(tmp_path, at_step("on_step_end", 4, speak))
        callback = made.callback_handler.callbacks[-1]
        made.train()
    finally:
        logger.removeHandler(handler)
    assert (sys.stdout, sys.stderr, handler.stream) == (terminal, terminal, terminal)
    written = terminal.getvalue()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is back
    text = plain(written)
    for line in ("a printed line", "a logged line", "a line on stderr"):
        assert text.count(f"{line}\n") == 1
    losses = [entry for entry in made.state.log_history if "loss" in entry]
    places = [text.index(f"{{'loss': '{each['loss']:.4g}'") for each in losses]
    assert places == sorted(places)
    assert places[2] < text.index("a printed line") < places[3]  # in the order in which they were said
    last = "\n".join(text.splitlines()[-20:])
    assert "finished BertForSequenceClassification" in last
    assert "6/6 steps 100%" in last
    assert f"loss {losses[-1]['loss']:.4g}" in last
    assert f"checkpoint {tmp_path / 'checkpoint-6'}" in last
    assert [step for step, _ in callback.numbers.evaluations] == [3, 6]
    assert callback.numbers.evaluations[1][1]["loss"] == made.state.log_history[-2]["eval_loss"]
    assert callback.trainer is None


def test_what_goes_into_a_file_keeps_going_there(terminal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.begin()
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    trainer(tmp_path, at_step("on_step_end", 4, lambda: print("a printed line"))).train()  # noqa: T201
    assert "a printed line\n" in file.getvalue()
    assert file.getvalue().count("{'loss': ") == 6
    assert "\x1b" not in file.getvalue()
    assert "a printed line" not in terminal.getvalue()


class Fails(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "status"), [(Fails(), "failed"), (KeyboardInterrupt(), "stopped"), (SystemExit(1), "stopped")]
)
def test_an_error_gives_the_terminal_back(terminal: Any, tmp_path: Path, error: BaseException, status: str) -> None:
    terminal.begin()

    def fail() -> None:
        raise error

    for event, step in (("on_step_end", 4), ("on_prediction_step", 3)):
        made = trainer(tmp_path, at_step(event, step, fail))
        with pytest.raises(type(error)):
            made.train()
        assert (sys.stdout, sys.stderr) == (terminal, terminal)
        assert live_terminal._drawing is None
        written = terminal.getvalue()
        assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
        assert f"{status} BertForSequenceClassification" in plain(written)[-900:]


def test_evaluations_within_and_without(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()
    seen: list[tuple[str, int, Any]] = []

    class Nested(bestiary.TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 2:
                made.evaluate(rows("classifier", 20), metric_key_prefix="eval_other")
                made.predict(rows("classifier", 9))
                seen.append((callback.numbers.doing, callback.numbers.done, callback.numbers.of))

        def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if made.is_in_train:
                seen.append((callback.numbers.doing, callback.numbers.done, callback.numbers.of))

    made = trainer(tmp_path, eval_strategy="no")
    callback = made.callback_handler.callbacks[-1]
    made.add_callback(Nested)
    made.train()
    assert seen == [("evaluating", done, of) for of in (3, 2) for done in range(1, of + 1)] + [("", 2, 2)]
    assert set(callback.numbers.evaluations[0][1]) == {"other_loss"}
    begin = len(terminal.getvalue())
    made.evaluate()
    assert "2/2" in terminal.getvalue()[begin:]  # a bar of tqdm
    assert callback.prediction_bar is None


def test_a_training_that_goes_on_begins_where_it_was(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()
    trainer(tmp_path, max_steps=4).train()
    made = trainer(tmp_path)
    callback = made.callback_handler.callbacks[-1]
    drawn: list[tuple[int, int]] = []
    made.add_callback(at_step("on_train_begin", 4, lambda: drawn.append((callback.numbers.step, len(callback.numbers.losses)))))
    made.train(resume_from_checkpoint=True)
    assert drawn == [(4, 4)]
    assert len(callback.numbers.losses) == 6
    assert [step for step, _ in callback.numbers.evaluations] == [3, 4, 6]


def test_updates_left_out_and_cut_batches_are_told(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()

    class Broken(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            if self.state.global_step == 3 and model.training and len(inputs["input_ids"]) > 4:
                raise torch.OutOfMemoryError
            loss = super().compute_loss(model, inputs, return_outputs)
            return loss * math.nan if model.training and self.state.global_step in (1, 2) else loss

    made = trainer(tmp_path, trainer_class=Broken, eval_strategy="no", auto_find_batch_size=True)
    callback = made.callback_handler.callbacks[-1]
    with pytest.warns(BestiaryWarning, match="left out"):
        made.train()
    assert callback.numbers.warnings == [
        "updates left out: 2, for their gradient was not finite; the last at step 3",
        "out of memory: each batch is cut into 2",
    ]


def test_other_processes_draw_nothing(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()
    callback = LiveProgressCallback()
    args = bestiary.TrainingArguments(str(tmp_path), use_cpu=True)
    state = bestiary.TrainerState(is_world_process_zero=False, max_steps=3)
    control = bestiary.TrainerControl()
    callback.on_train_begin(args, state, control)
    callback.on_step_end(args, state, control)
    callback.on_prediction_step(args, state, control, eval_dataloader=[1])
    callback.on_log(args, state, control, logs={"loss": 1.0})
    callback.on_train_end(args, state, control)
    assert terminal.getvalue() == ""


def test_processes_that_load_data_write_themselves(terminal: Any, tmp_path: Path) -> None:
    terminal.begin()

    class Rows(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 16

        def __getitem__(self, index: int) -> Any:
            drawn = live_terminal._drawing is not None or sys.stdout is not terminal
            return {"input_ids": rows("classifier", 1)[0]["input_ids"], "label": 0, "drawn": int(drawn)}

    flags: list[int] = []

    class Looks(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            flags.append(int(inputs.pop("drawn").sum()))
            return super().compute_loss(model, inputs, return_outputs)

    options: dict[str, Any] = {
        "dataloader_num_workers": 1,
        "remove_unused_columns": False,
        "max_steps": 2,
        "eval_strategy": "no",
    }
    made = trainer(tmp_path, trainer_class=Looks, dataloader_multiprocessing_context="fork", **options)
    made.train_dataset = Rows()
    made.train()
    assert flags == [0, 0]


def test_drawing_takes_a_small_part_of_the_time(terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.begin()
    now, draws = [100.0], [0]
    monkeypatch.setattr(live_terminal.time, "perf_counter", lambda: now[0])

    def draw(width: int, height: int, ascii_only: bool) -> str:
        draws[0] += 1
        now[0] += 0.002
        return "drawn"

    view = live_terminal.LiveTerminal(draw)
    assert view.open()
    assert not live_terminal.LiveTerminal(draw).open()  # one at a time
    for _ in range(6000):  # a minute of steps of 10 ms
        now[0] += 0.01
        view.print("a line")
        view.tick()
    seconds = draws[0] * 0.002
    view.close()
    assert 60 < draws[0] < 160
    assert seconds < 0.01 * 60
    assert plain(terminal.getvalue()).count("a line\n") == 6000


def test_importing_the_trainer_imports_neither_rich_nor_matplotlib() -> None:
    import subprocess

    code = "import bestiary, sys; bestiary.Trainer; print(sorted({'rich', 'matplotlib', 'IPython'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr

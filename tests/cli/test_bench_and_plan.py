"""`bestiary plan` and `bestiary bench` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from kit import checkpoints

from bestiary.bench import running


def test_plan(command: Any) -> None:
    folder = str(checkpoints.llama())
    code, out, err = command("plan", folder, "--training", "--batch", "2", "--length", "20", "--new-tokens", "4", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["load"]["weights"] == 4 * found["load"]["parameters"]
    assert found["training"]["gradients"] == found["load"]["weights"]
    assert found["training"]["optimizer"] == pytest.approx(2 * found["load"]["weights"], rel=0.01)
    assert found["peak"] == sum(value for name, value in found["training"].items())
    plain = dict(line.split("\t") for line in command("plan", folder, "--dtype", "bfloat16")[1].splitlines())
    assert plain["parameters"] == f"{found['load']['parameters']:,}"
    assert "weights in bfloat16" in plain
    less = json.loads(command("plan", folder, "--training", "--optim", "sgd", "--json")[1])
    assert less["training"]["optimizer"] == 0
    code, out, err = command("plan", folder, "--memory", "1KB")
    assert code == 1
    assert "1.00 KB are allowed" in err
    assert out  # the numbers are told all the same
    code, _, err = command("plan", folder, "--training", "--optim", "adamm")
    assert code == 2
    assert "--optim" in err


def test_bench(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = iter([10.0, 20.0])
    monkeypatch.setattr(running, "in_process", lambda job: {"load_s": 1.0, "peak": 5e6, "decode_tokens_per_s": next(speeds)})
    line = ("bench", str(checkpoints.llama()), "--dtype", "float32,bfloat16", "--length", "8", "--rounds", "1")
    code, out, err = command(*line, "--csv", str(tmp_path / "b.csv"), "--picture", str(tmp_path / "b.html"))
    assert code == 0
    assert [row.split("\t")[0] for row in out.splitlines()] == ["dtype", "float32", "bfloat16"]
    assert "2.00 x" in out
    assert "bfloat16, 1 x 8: about" in err  # the forecast
    assert (tmp_path / "b.csv").read_text().startswith("dtype,quantization,")
    assert (tmp_path / "b.html").is_file()


def test_bench_stopped(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{"load_s": 1.0, "peak": 5e6, "decode_tokens_per_s": 7.0}])

    def answer(job: Any) -> Any:
        try:
            return next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(running, "in_process", answer)
    code, out, err = command("bench", str(checkpoints.llama()), "--length", "8", "--json")
    assert code == 130
    assert json.loads(out)["results"][0]["decode_tokens_per_s"] == 7
    assert "stopped; what was measured" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "0"], "--batch"),
        (["--length", "1,x"], "'x' is no whole number"),
        (["--quantization", "3bit"], "no quantization '3bit'"),
        (["--memory", "7"], "--memory"),
        (["--picture", "x.svg"], ".html"),
    ],
)
def test_bench_misused(command: Any, options: list[str], said: str) -> None:
    code, out, err = command("bench", str(checkpoints.llama()), *options)
    assert (code, out) == (2, "")
    assert said in err

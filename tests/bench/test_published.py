"""`PyTorchBenchmark` as release 4 had it: arguments, results, files, and what it prints."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import bestiary
from bestiary.bench.published import Memory
from bestiary.core.errors import ArgumentError

TINY = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 60}
# The fields of 4.46.3, in their order.
FIELDS = [
    "models",
    "batch_sizes",
    "sequence_lengths",
    "inference",
    "cuda",
    "tpu",
    "fp16",
    "training",
    "verbose",
    "speed",
    "memory",
    "trace_memory_line_by_line",
    "save_to_csv",
    "log_print",
    "env_print",
    "multi_process",
    "inference_time_csv_file",
    "inference_memory_csv_file",
    "train_time_csv_file",
    "train_memory_csv_file",
    "env_info_csv_file",
    "log_filename",
    "repeat",
    "only_pretrain_model",
    "torchscript",
    "torch_xla_tpu_print_metrics",
    "fp16_opt_level",
]


def arguments(**changes: Any) -> Any:
    settings = {"models": ["one"], "batch_sizes": [1, 2], "sequence_lengths": [4], "multi_process": False, "repeat": 1}
    return bestiary.PyTorchBenchmarkArguments(**{**settings, **changes})


def run(**changes: Any) -> Any:
    return bestiary.PyTorchBenchmark(arguments(**changes), configs=[bestiary.BertConfig(**TINY)]).run()


def test_results_have_the_published_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = ("inference_time", "inference_memory", "train_time", "train_memory", "env_info")
    files = {f"{kind}_csv_file": str(tmp_path / f"{kind}.csv") for kind in kinds}
    output = run(training=True, save_to_csv=True, env_print=True, **files)
    assert output._fields[:2] == ("time_inference_result", "memory_inference_result")
    for result in output[:4]:
        assert (result["one"]["bs"], result["one"]["ss"]) == ([1, 2], [4])
        assert {rows: list(found) for rows, found in result["one"]["result"].items()} == {1: [4], 2: [4]}
    assert output.time_train_result["one"]["result"][2][4] > 0
    assert output.memory_inference_result["one"]["result"][1][4].bytes > 50e6
    printed = capsys.readouterr().out
    for title in ("INFERENCE - SPEED - RESULT", "TRAIN - MEMORY - RESULTS", "ENVIRONMENT INFORMATION"):
        assert f" {title} " in printed
    with open(files["train_time_csv_file"], encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["model", "batch_size", "sequence_length", "result"]
    assert [row[:3] for row in rows] == [["one", "1", "4"], ["one", "2", "4"]]
    assert all(len(row[3].partition(".")[2]) == 4 for row in rows)
    assert "framework,PyTorch\n" in Path(files["env_info_csv_file"]).read_text(encoding="utf-8")


def test_what_is_not_asked_for_is_not_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    output = run(memory=False, log_print=True, log_filename=str(tmp_path / "log.txt"))
    assert output.memory_inference_result["one"]["result"] == {1: {}, 2: {}}
    assert output.time_train_result["one"]["result"] == {1: {}, 2: {}}
    assert "MEMORY" not in capsys.readouterr().out
    assert "INFERENCE - SPEED - RESULT" in (tmp_path / "log.txt").read_text()


def test_arguments() -> None:
    made = arguments()
    assert list(json.loads(made.to_json_string())) == FIELDS
    assert (made.model_names, made.do_multi_processing, made.is_tpu) == (["one"], False, False)
    assert made.inference_time_csv_file.startswith("inference_time_")
    with pytest.warns(UserWarning, match="no_speed is an older spelling"):
        assert arguments(no_speed=True).speed is False
    parser = bestiary.HfArgumentParser(bestiary.PyTorchBenchmarkArguments)
    [read] = parser.parse_args_into_dataclasses(["--models", "a", "b", "--no_memory", "--batch_sizes", "3"])
    assert (read.models, read.memory, read.batch_sizes, read.speed) == (["a", "b"], False, [3], True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonsense": 1}, "no argument 'nonsense'"),
        ({"torchscript": True}, "torchscript"),
        ({"trace_memory_line_by_line": True}, "line_by_line"),
        ({"batch_sizes": [0]}, "batch_sizes"),
        ({"models": []}, "needs a model"),
        ({"models": ["one", "two"]}, "1 configs are given for 2 models"),
        ({"fp16": True, "cuda": False}, "needs a GPU"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        run(**changes)


def test_memory_is_printed_in_mebibytes() -> None:
    assert str(Memory(3 * 2**20 + 5)) == "3"

"""`bestiary bench` measures every combination in turn, keeps what was measured, and refuses what cannot be before it begins."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kit import checkpoints

import bestiary
from bestiary.bench import child, running
from bestiary.bench.combination import Combination, Job, combinations
from bestiary.bench.picture import write_chart
from bestiary.bench.preparing import prepared
from bestiary.bench.results import as_csv, as_table, records
from bestiary.bench.running import Measured, in_process, measured
from bestiary.core.errors import ArgumentError, CapacityError, InputError, SaveError

PLAIN = Combination("float32", "none", "default", 2, 16)


def job(folder: Path, **changes: Any) -> Job:
    return Job(str(folder), PLAIN, **{"new_tokens": 4, "times": 1, "threads": 1, **changes})


def test_a_process_of_its_own_measures_a_model_that_generates() -> None:
    folder = checkpoints.llama()
    found = in_process(job(folder, new_tokens=40, times=3))  # so many take longer than the first, however busy the machine
    assert isinstance(found, dict), found
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder)
    assert found["weights"] == model.get_memory_footprint()
    assert found["prefill_tokens_per_s"] == pytest.approx(2 * 16 / found["first_token_s"])
    assert found["decode_tokens_per_s"] > 0
    assert found["program"] > 50e6  # Python and torch
    assert 0 <= found["load_peak"] <= found["peak"] < 100e6


def test_what_is_no_generation_is_a_forward_and_training_a_step() -> None:
    """In this process, as far as figures are concerned that do not depend on what else it holds."""
    encoder = child.measure(job(checkpoints.bert("BertModel")))
    assert {"forward_s", "rows_per_s"} <= encoder.keys()
    assert encoder["rows_per_s"] == pytest.approx(2 / encoder["forward_s"])
    assert "step_s" in child.measure(job(checkpoints.llama(), trains=True))
    config = bestiary.ViTConfig(image_size=32, patch_size=8, hidden_size=16, num_attention_heads=2, num_hidden_layers=1)
    folder = checkpoints.llama().parent / f"{checkpoints.llama().name}-vit"
    config.save_pretrained(folder)
    assert "forward_s" in child.measure(job(folder, random=True))


def figures(speed: float, peak: float) -> dict[str, float]:
    return {"load_s": 0.5, "peak": peak, "decode_tokens_per_s": speed}


def two(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[Measured]:
    """What is yielded last where processes give these answers in turn."""
    given = iter(answers)

    def answer(told: Job) -> Any:
        found = next(given)
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(running, "in_process", answer)
    state: list[Measured] = []
    rounds = measured(Job("", PLAIN), [PLAIN, replace(PLAIN, dtype="bfloat16")], len(answers) // 2, lambda text: None)
    try:
        for each in rounds:
            state = each
    except KeyboardInterrupt:
        pass
    return state


def test_ratios_are_of_the_same_round_and_their_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slows down to a tenth in the second round: medians of speeds alone would say 3.3."""
    results = two(
        monkeypatch, figures(10, 100), figures(20, 50), figures(1, 100), figures(2, 50), figures(3, 100), figures(6, 50)
    )
    slow, fast = records(results)
    assert (slow["speed_ratio"], slow["memory_ratio"]) == (1, 1)
    assert (fast["speed_ratio"], fast["memory_ratio"]) == (2, 0.5)
    assert (fast["decode_tokens_per_s"], fast["rounds"]) == (6, 3)


def test_what_was_measured_before_ctrl_c_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    results = two(monkeypatch, figures(10, 100), figures(20, 50), figures(11, 100), KeyboardInterrupt())
    assert [len(each.rounds) for each in results] == [2, 1]
    assert records(results)[1]["speed_ratio"] == 2


def test_a_process_that_fails_is_told_and_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    results = two(monkeypatch, figures(10, 100), "MemoryError: no room", figures(10, 100), figures(1, 1))
    assert [len(each.rounds) for each in results] == [2, 0]
    head, rows = as_table(results)
    assert head[0] == "dtype"
    assert rows[1][:2] == ["bfloat16", "failed: MemoryError: no room"]
    assert all(len(row) == len(head) for row in rows)
    [first, second] = csv.DictReader(as_csv(results).splitlines())
    assert (first["decode_tokens_per_s"], second["failed"]) == ("10.0", "MemoryError: no room")
    assert in_process(job(Path("/nowhere"))).startswith("bestiary.core.errors.FileMissing")


def test_charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = two(monkeypatch, figures(10, 100), figures(20, 50))
    write_chart(results, "a <title>", tmp_path / "speed.html")
    page = (tmp_path / "speed.html").read_text(encoding="utf-8")
    assert "a &lt;title&gt;" in page
    assert page.count("<svg") == 2  # memory and decoding
    assert "bfloat16, 2 x 16" in page
    write_chart(results, "title", tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


def asked(**changes: Any) -> Any:
    settings = {"new_tokens": 2, "class_name": None, "device": "cpu", "trains": False, "threads": 1, **changes}
    given = [settings.pop(name, []) for name in ("dtypes", "quantizations", "attentions")]
    sizes = [settings.pop(name, [1]) for name in ("batches", "lengths")]
    return prepared(settings.pop("model", str(checkpoints.llama())), *given, *sizes, **settings)


def test_combinations_and_forecasts_before_anything_is_measured() -> None:
    told: dict[str, int] = {}
    found, chosen = asked(
        dtypes=["bfloat16", "float32"], batches=[1, 4], lengths=[8], tell=lambda name, _, need: told.update({name: need})
    )
    assert [each.name for each in chosen] == ["bfloat16, 1 x 8", "bfloat16, 4 x 8", "float32, 1 x 8", "float32, 4 x 8"]
    assert list(told) == [each.name for each in chosen]
    assert told["float32, 4 x 8"] > told["float32, 1 x 8"] > told["bfloat16, 1 x 8"]
    assert (found.random, found.combination) == (False, chosen[0])


def test_a_stored_quantization_is_named(tmp_path: Path) -> None:
    bestiary.LlamaForCausalLM.from_pretrained(str(checkpoints.llama()), load_in_8bit=True).save_pretrained(tmp_path)
    _, (chosen,) = asked(model=str(tmp_path), lengths=[8])
    assert chosen.name == "bitsandbytes, 1 x 8"
    record = records([Measured(chosen, [{"peak": 1.0}])])[0]
    assert record["quantization"] == "bitsandbytes"
    assert "load_in_8bit" not in chosen.opening()


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"quantizations": ["9bit"]}, ArgumentError, "no quantization '9bit'"),
        ({"dtypes": ["int8"]}, InputError, "not a floating-point type"),
        ({"attentions": ["flsh"]}, Exception, "unknown attn_implementation 'flsh'"),
        ({"limit": 1000}, CapacityError, "1.00 KB are allowed"),
        ({"class_name": "LlamaModle"}, ArgumentError, "Did you mean 'LlamaModel'"),
        ({"picture": Path("chart.svg")}, ArgumentError, r"\.html"),
        ({"csv": Path("/no/folder/here.csv")}, SaveError, "no folder"),
        ({"device": "cuda:77"}, Exception, "not there"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(changes: dict[str, Any], kind: Any, said: str) -> None:
    with pytest.raises(kind, match=said):
        asked(**changes)


def test_a_config_alone_has_random_weights(tmp_path: Path) -> None:
    bestiary.AutoConfig.from_pretrained(checkpoints.llama()).save_pretrained(tmp_path)
    assert asked(model=str(tmp_path))[0].random
    assert [each.quantization for each in combinations(["float32"], ["none"], ["default"], [1], [1])] == ["none"]

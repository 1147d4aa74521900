"""What is shown of a search: a printed table, a file of values, and a page that draws them."""

import csv
import io
import re
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.kit.search import space, trainer

from bestiary.training.search.parallel_coordinates import parallel_coordinates
from bestiary.training.search.report import csv_of, print_table
from bestiary.training.search.trial_record import FAILED, TrialRecord, best_of, dominates
from bestiary.training.search.trials_page import trials_page

EVIL = "<script>alert(1)</script>"
NAME = "{http://www.w3.org/2000/svg}"


def records() -> list[TrialRecord]:
    made = [
        TrialRecord(
            str(number), {"rate": 10.0**-number, "how": EVIL if number % 2 else "b"}, [float((number - 3) ** 2)], steps=7
        )
        for number in range(6)
    ]
    made.append(TrialRecord("6", {"rate": 0.5}, [], FAILED, error='ValueError: no, "never"'))
    return made


def pictures(page: str) -> list[Any]:
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_the_page_draws_every_trial_and_nothing_of_it_runs() -> None:
    made = records()
    page = trials_page(made, ["minimize"], {"3"}, f"mine {EVIL}")
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    drawn = {each.get("aria-label"): each for each in pictures(page)}
    assert set(drawn) == {
        "All trials, the best in another colour",
        "objective by trial",
        "objective by rate",
        "objective by how",
    }
    for title in ("objective by trial", "objective by rate", "objective by how"):
        dots = [each for each in drawn[title].iter(f"{NAME}circle") if each.get("class") == "dot" and len(each)]
        assert len(dots) == 6, title
    # By powers of ten the rates are equally far from each other.
    by_rate = [each for each in drawn["objective by rate"].iter(f"{NAME}circle") if len(each)]
    across = sorted(float(each.get("cx")) for each in by_rate)
    gaps = [after - before for before, after in pairwise(across)]
    assert max(gaps) - min(gaps) < 0.2
    assert page.count('<tr class="best"') == 1
    assert "7 trials (6 complete, 1 failed); to minimize. Best: 3." in page
    assert "no, &quot;never&quot;" in page


def test_lines_cross_the_axes_where_the_values_are() -> None:
    svg = parallel_coordinates(
        [("a", [0.0, 1.0, None]), ("b", ["x", "y", "x"]), ("c", [5.0, 6.0, 7.0])], ["0", "1", "2"], {"1"}
    )
    paths = [each for each in ElementTree.fromstring(svg).iter(f"{NAME}path") if each.get("class").startswith("line")]
    assert [each.get("class") for each in paths] == ["line raw", "line"]  # without the one that lacks a value; the best last
    first, second = ([tuple(map(float, place.split())) for place in each.get("d")[1:].split("L")] for each in paths)
    assert [x for x, _ in first] == [x for x, _ in second]
    assert all(low > high for (_, low), (_, high) in zip(first, second, strict=True))  # larger values are higher
    texts = {each.text: float(each.get("y")) - 4 for each in ElementTree.fromstring(svg).iter(f"{NAME}text")}
    assert texts["x"] == pytest.approx(first[1][1], abs=0.1)
    assert texts["y"] == pytest.approx(second[1][1], abs=0.1)


def test_the_file_of_values_has_all_digits() -> None:
    made = [
        TrialRecord("0", {"rate": 0.1 + 0.2, "of": "a, b"}, [1 / 3, 2.0]),
        TrialRecord("1", {}, [], FAILED, error="E: x\ny"),
    ]
    rows = list(csv.DictReader(io.StringIO(csv_of(made, ["minimize", "maximize"]))))
    assert (float(rows[0]["rate"]), float(rows[0]["objective_0"]), rows[0]["of"]) == (0.1 + 0.2, 1 / 3, "a, b")
    assert (rows[1]["status"], rows[1]["objective_1"], rows[1]["error"]) == ("failed", "", "E: x\ny")


def test_the_printed_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    print_table(records()[:4], ["minimize"], {"3"})
    plain = capsys.readouterr().out
    assert plain.splitlines()[0].split() == ["trial", "objective", "rate", "how", "steps", "seconds", "status"]
    assert plain.splitlines()[5].split()[:3] == ["3", "*", "0"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    print_table(records()[:4], ["minimize"], {"3"})
    drawn = capsys.readouterr().out
    assert "3 *" in drawn
    assert drawn != plain


def test_the_front_of_several_objectives() -> None:
    directions = ["minimize", "maximize"]
    made = [
        TrialRecord(str(number), {}, list(pair)) for number, pair in enumerate([(1, 1), (2, 5), (3, 4), (1, 0), (0.5, 0.5)])
    ]
    front = best_of(made, directions)
    assert [each.name for each in front] == ["0", "1", "4"]
    beaten = [each for each in made if each not in front]
    assert all(any(dominates(one.objectives, each.objectives, directions) for one in front) for each in beaten)
    page = trials_page(made, directions, {each.name for each in front}, "several")
    titles = [each.get("aria-label") for each in pictures(page)]
    assert "objective_1 by objective_0" in titles


def test_a_page_that_cannot_be_written_ends_no_search(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    (tmp_path / "trials.html").mkdir(parents=True)
    with pytest.warns(UserWarning, match="the trials were not written"):
        best = made.hyperparameter_search(space, n_trials=2, backend="random")
    assert best.run_id in "01"


def test_names_of_the_old_package() -> None:
    """Its modules show the same names."""
    import subprocess

    code = """
from bestiary import compat
compat.install()
from transformers.hyperparameter_search import ALL_HYPERPARAMETER_SEARCH_BACKENDS, HPSearchBackend, HyperParamSearchBackendBase
from transformers.hyperparameter_search import OptunaBackend, RayTuneBackend, WandbBackend, default_hp_search_backend
from transformers.integrations import hp_params, is_optuna_available, run_hp_search_optuna, run_hp_search_ray
from transformers.trainer_utils import BestRun, HPSearchBackend as Again, default_compute_objective, default_hp_space_optuna
from transformers.trainer_utils import default_hp_space_ray, default_hp_space_wandb
assert Again is HPSearchBackend and issubclass(OptunaBackend, HyperParamSearchBackendBase)
assert default_hp_search_backend() == "optuna" and is_optuna_available()
assert list(ALL_HYPERPARAMETER_SEARCH_BACKENDS)[:3] == ["optuna", "ray", "wandb"]
assert hp_params({"a": 1}) == {"a": 1}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr

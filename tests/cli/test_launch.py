"""`bestiary launch`: which cores programs get, what their environment says, and what becomes of their exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.cli.processors import plan, whole_cores
from bestiary.core.errors import ArgumentError

REPORT = """
import json, os, sys
number = os.environ["BESTIARY_INSTANCE"]
row = [sorted(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"], number, sys.argv[1:]]
sys.stdout.write(json.dumps(row) + chr(10))
sys.stdout.flush()
sys.exit(int(number) * 3)
"""
linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds programs to cores")


def topology(folder: Path, siblings: list[str]) -> Path:
    for processor, shared in enumerate(siblings):
        place = folder / f"cpu{processor}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(shared + "\n")
    return folder


def test_processors_that_share_a_core_count_once(tmp_path: Path) -> None:
    folder = topology(tmp_path, ["0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"])
    assert whole_cores(range(8), folder) == [0, 1, 2, 3]
    assert whole_cores([5, 6, 7], folder) == [5, 6, 7]
    assert whole_cores([1, 0, 9], tmp_path / "none") == [0, 1, 9]


def test_programs_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bestiary.cli.processors.whole_cores", list)
    whole, half = plan(1, None, "none", range(5)), plan(2, None, "none", range(5))
    assert [each.processors for each in whole] == [(0, 1, 2, 3, 4)]
    assert [each.processors for each in half] == [(0, 1), (2, 3)]
    assert half[1].variables["OMP_PLACES"] == "{2},{3}"
    assert plan(2, 1, "none", range(5))[1].processors == (2,)
    for wrong in ((6, None, "none"), (0, None, "none"), (2, 3, "none"), (1, None, "malloc")):
        with pytest.raises(ArgumentError):
            plan(*wrong, range(5))


@linux
def test_a_program_gets_no_more_cores_than_its_container_may_keep_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(900, 908)))  # of no machine: each a core of its own
    monkeypatch.setattr("bestiary.cli.cores.cgroup_quota", lambda: 2.5)
    (one,) = plan(1, None, "none")
    assert one.processors == (900, 901)
    assert one.variables["OMP_NUM_THREADS"] == "2"


def test_programs_are_started_and_their_failure_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(REPORT)
    instances = min(2, len(whole_cores(sorted(os.sched_getaffinity(0)))))
    line = [sys.executable, "-m", "bestiary", "launch", "--instances", str(instances), "--threads", "1", "--allocator", "none"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    done = subprocess.run(
        [*line, str(script), "--debug", "-x"], capture_output=True, text=True, timeout=120, env=variables, check=False
    )
    rows = sorted((json.loads(text) for text in done.stdout.splitlines()), key=lambda row: row[2])
    assert [row[2:] for row in rows] == [[str(number), ["--debug", "-x"]] for number in range(instances)], done.stderr
    assert all(len(row[0]) == 1 and row[1] == "1" for row in rows)
    assert len({tuple(row[0]) for row in rows}) == instances
    assert done.returncode == 3 * (instances - 1)
    assert done.stderr.count("taskset -c") == instances


@linux
def test_what_cannot_be_started(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "bestiary", "launch"]
    for arguments, said in ((["nothing.py"], "there is no file"), (["--instances", "10000", __file__], "10000 programs")):
        done = subprocess.run([*line, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert said in done.stderr
    done = subprocess.run(
        [*line, "--cpu", "--show", "-m", "json.tool"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0
    assert "CUDA_VISIBLE_DEVICES= HIP_VISIBLE_DEVICES= ACCELERATE_USE_CPU=true taskset" in done.stdout
    assert "-m json.tool" in done.stdout
